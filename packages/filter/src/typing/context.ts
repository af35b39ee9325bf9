import { FilterError } from "../errors.ts";
import type { FilterErrorCode } from "../errors.ts";
import type { Span } from "../kernel/expression.ts";
import type { SetDeclaration } from "../names/environment.ts";
import type { Syntax } from "../syntax/syntax.ts";
import type { Condition, StringLiteral, Value } from "./typed.ts";

/** What all parts of the checker share. */
export interface Context {
  readonly text: string;
  readonly sets: readonly SetDeclaration[];
  /** The type and the meaning of any part of a filter. */
  infer(syntax: Syntax): Condition | Value;
}

/** Throws FilterError. */
export function fail(
  context: Pick<Context, "text">,
  code: FilterErrorCode,
  reason: string,
  span: Span,
): never {
  throw new FilterError(code, reason, context.text, span);
}

export function isValue(typed: Condition | Value): typed is Value {
  return "kind" in typed;
}

/** `an int`, `a string`, … */
export function describeType(typed: Condition | Value): string {
  const type = isValue(typed) ? typed.type : "condition";
  return withArticle(type);
}

export function withArticle(type: string): string {
  if (type === "bytes") return type;
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

/** The text of a part of the filter, shortened for messages. */
export function quote({ text }: Pick<Context, "text">, { from, to }: Span): string {
  const part = text.slice(from, to);
  return part.length > 40 ? `${part.slice(0, 37)}…` : part;
}

export function expectCondition(context: Context, syntax: Syntax): Condition {
  const typed = context.infer(syntax);
  if (!isValue(typed)) return typed;
  const empty = { int: "0", string: '""', bytes: 'b""' }[typed.type];
  const what = quote(context, syntax.span);
  const reason = `a condition is expected here, not ${describeType(typed)}: compare it, as in ${what} != ${empty}`;
  return fail(context, "ERR_FILTER_TYPE", reason, syntax.span);
}

export function expectValue(context: Context, syntax: Syntax, role: string): Value {
  const typed = context.infer(syntax);
  if (isValue(typed)) return typed;
  return fail(context, "ERR_FILTER_TYPE", `${role} is a value, not a condition`, syntax.span);
}

/** Literals only: what they say is compiled once. */
export function expectText(context: Context, syntax: Syntax, what: string): StringLiteral {
  const typed = context.infer(syntax);
  if (isValue(typed) && typed.kind === "literal" && typed.type === "string") return typed;
  const reason = `${what} has to be a text in quotes, not ${describeType(typed)}`;
  const literal = isValue(typed) && typed.type === "string";
  return fail(context, "ERR_FILTER_TYPE", literal ? `${what} has to be a literal` : reason, syntax.span);
}
