import type { Relation } from "../kernel/expression.ts";
import { parseAddress, parseNetwork, spell } from "../names/addresses.ts";
import { didYouMean } from "../names/nearest.ts";
import type { Variable } from "../names/variables.ts";
import { fail, quote } from "./context.ts";
import type { Context } from "./context.ts";
import { rangeOf } from "./ranges.ts";
import type { IntLiteral, Literal, StringLiteral, Value } from "./typed.ts";

/** The longest name that the kernel keeps of a process. */
export const NAME_LIMIT = 15;

/**
 * Refuses a literal that what it is compared with can never be, or never be below or above: that is a slip, and a filter that
 * never holds tells nobody.
 */
export function checkLiteral(context: Context, value: Value, literal: Literal, relation: Relation): void {
  const exact = relation === "==" || relation === "!=";
  if (literal.type === "int") checkInt(context, value, literal, relation);
  else if (literal.type === "string" && exact && value.kind === "variable")
    checkText(context, value.variable, literal);
}

function checkInt(
  context: Context,
  value: Value,
  { value: number, span }: IntLiteral,
  relation: Relation,
): void {
  if (value.kind !== "variable" && value.kind !== "size") return;
  const { min, max } = rangeOf(value);
  const never = (what: string): void =>
    fail(
      context,
      "ERR_FILTER_RANGE",
      `${quote(context, value.span)} is ${min} to ${max}, never ${what}`,
      span,
    );
  if (number < min || number > max) never(String(number));
  else if (relation === "<" && number === min) never(`less than ${number}`);
  else if (relation === ">" && number === max) never(`more than ${number}`);
}

function checkText(context: Context, variable: Variable, literal: StringLiteral): void {
  if (variable.type !== "string") return;
  switch (variable.text.kind) {
    case "enumeration": {
      const { values, optional } = variable.text;
      if (values.includes(literal.value) || (optional && literal.value === "")) return;
      const guess = didYouMean(literal.value, values);
      const reason = `${variable.name} is never "${literal.value}"${guess === "" ? `: it is ${variable.about}` : guess}`;
      return fail(context, "ERR_FILTER_VALUE", reason, literal.span);
    }
    case "name":
      checkName(context, literal);
      return;
    case "address":
      checkAddress(context, variable.name, literal);
      return;
    case "id":
      if (/^[0-9a-f]{16}$/.test(literal.value)) return;
      return fail(context, "ERR_FILTER_VALUE", `${variable.name} is ${variable.about}`, literal.span);
    case "attribute":
      return;
  }
}

/** Also for the tests that look for a part of the name. */
export function checkName(context: Context, { value, span }: StringLiteral): void {
  if (Buffer.byteLength(value) <= NAME_LIMIT) return;
  const reason = `a process's name has at most ${NAME_LIMIT} bytes, the rest is cut off: write "${cut(value)}"`;
  fail(context, "ERR_FILTER_VALUE", reason, span);
}

function cut(name: string): string {
  let text = "";
  for (const character of name) {
    if (Buffer.byteLength(text + character) > NAME_LIMIT) break;
    text += character;
  }
  return text;
}

function checkAddress(context: Context, name: string, { value, span }: StringLiteral): void {
  const address = parseAddress(value);
  if (address === undefined) {
    const network = parseNetwork(value);
    const advice = "reason" in network ? "such as 192.0.2.1 or 2001:db8::1" : `write ${name}.in("${value}")`;
    return fail(context, "ERR_FILTER_ADDRESS", `"${value}" is no address: ${advice}`, span);
  }
  const right = spell(address);
  if (right === value) return;
  fail(context, "ERR_FILTER_ADDRESS", `records spell this address "${right}": write that`, span);
}
