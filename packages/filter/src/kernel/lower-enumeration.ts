import type { TextVariable } from "../names/variables.ts";
import type { Compare, KernelExpression, KernelTest, OneOf, Span } from "./expression.ts";
import { decided, fieldIn, impossible, settled } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";
import { negation } from "./logic.ts";

/**
 * Any test at all on something that has one of a few values: it is tried on each of them, and the kernel compares numbers.
 */
export function lowerEnumeration(
  name: string,
  { values, optional, field, numbers }: Extract<TextVariable, { kind: "enumeration" }>,
  accepts: (value: string) => boolean,
  span: Span,
): Lowered {
  const all = optional ? ["", ...values] : values;
  const accepted = all.filter(accepts);
  if (accepted.length === all.length || accepted.length === 0) return settled(accepted.length > 0, span);
  if (field === undefined) return impossible(`the kernel judges calls, and ${name} is of gaps`, span);
  const rejected = all.filter((value) => !accepts(value));
  const inverted = rejected.length < accepted.length;
  const chosen = (inverted ? rejected : accepted).map((value) => BigInt(numbers[value] ?? 0));
  const test = fieldIn(field, chosen, span);
  return decided(inverted ? not(test) : test);
}

function not(test: Compare | OneOf): KernelExpression {
  return test.op === "compare" ? { ...test, relation: "!=" } : negation<KernelTest>(test, test.span);
}
