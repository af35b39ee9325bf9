import type { TextVariable } from "../names/variables.ts";
import type { KernelField, KernelTest, Span } from "./expression.ts";
import { decided, impossible, settled } from "./lowering.ts";
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
  const test = oneOf(field, chosen, span);
  return decided(inverted ? not(test) : test);
}

function oneOf(field: KernelField, values: readonly bigint[], span: Span): KernelTest {
  const [only, ...more] = values;
  if (only !== undefined && more.length === 0)
    return { op: "compare", field, relation: "==", value: only, span };
  return { op: "oneOf", field, values: ascending(values), span };
}

function not(test: KernelTest): ReturnType<typeof negation<KernelTest>> {
  return test.op === "compare" ? { ...test, relation: "!=" } : negation<KernelTest>(test, test.span);
}

/** In order, none twice. */
export function ascending(values: readonly bigint[]): bigint[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}
