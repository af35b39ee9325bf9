import { RE2JS } from "@bufbuild/re2";
import type { Span } from "../kernel/expression.ts";
import { FUNCTIONS, METHODS } from "../names/functions.ts";
import { didYouMean } from "../names/nearest.ts";
import type { CallSyntax, Syntax } from "../syntax/syntax.ts";
import { describeType, expectText, expectValue, fail, isValue, quote } from "./context.ts";
import type { Context } from "./context.ts";
import { checkName } from "./literals.ts";
import { eitherSide, oneSide, portTest } from "./sides.ts";
import type { Condition, Value } from "./typed.ts";

export function checkCall(context: Context, syntax: CallSyntax): Condition | Value {
  const { name, target, span } = syntax;
  const known = target === undefined ? FUNCTIONS : METHODS;
  const usage = Object.hasOwn(known, name) ? known[name] : undefined;
  if (usage === undefined) return unknownFunction(context, syntax);
  const expected = target !== undefined && name === "size" ? 0 : 1;
  const [argument] = syntax.arguments;
  if (syntax.arguments.length !== expected || (expected === 1 && argument === undefined)) {
    const number = expected === 0 ? "no argument" : "one argument";
    return fail(context, "ERR_FILTER_ARITY", `"${name}" takes ${number}, as in ${usage}`, span);
  }
  if (target !== undefined) return method(context, syntax, target, argument);
  if (argument === undefined) return unknownFunction(context, syntax);
  switch (name) {
    case "port":
      return portTest(context, argument, span);
    case "host":
    case "net":
      return eitherSide(context, argument, name === "net", span);
    default:
      return sizeOf(context, argument, span);
  }
}

function method(
  context: Context,
  { name, span }: CallSyntax,
  target: Syntax,
  argument: Syntax | undefined,
): Condition | Value {
  if (argument === undefined) return sizeOf(context, target, span);
  const value = expectValue(context, target, `what "${name}" is called on`);
  if (name === "in") return oneSide(context, value, argument, span);
  if (value.type === "int") {
    const reason = `"${name}" is for strings and bytes, and ${quote(context, target.span)} is an int`;
    return fail(context, "ERR_FILTER_TYPE", reason, span);
  }
  if (name === "matches") return pattern(context, value, argument, span);
  if (name === "startsWith" || name === "endsWith" || name === "contains")
    return { op: "search", test: name, value, argument: searched(context, value, argument), span };
  throw new TypeError(`the method ${name} has no meaning`);
}

/** What is looked for; a text in bytes stands for its UTF-8. */
function searched(context: Context, value: Value, syntax: Syntax): Value {
  const argument = context.infer(syntax);
  const { span } = syntax;
  if (isValue(argument) && argument.type === value.type) {
    const isName = value.kind === "variable" && value.variable.name === "process.name";
    if (isName && argument.kind === "literal" && argument.type === "string") checkName(context, argument);
    return argument;
  }
  if (
    value.type === "bytes" &&
    isValue(argument) &&
    argument.kind === "literal" &&
    argument.type === "string"
  )
    return { kind: "literal", type: "bytes", value: new TextEncoder().encode(argument.value), span };
  const wanted = value.type === "bytes" ? 'bytes, such as b"GET "' : 'a string, such as "GET "';
  return fail(context, "ERR_FILTER_TYPE", `${wanted} is expected here, not ${describeType(argument)}`, span);
}

function pattern(context: Context, value: Value, syntax: Syntax, span: Span): Condition {
  const { value: source, span: at } = expectText(context, syntax, "a pattern");
  if (value.type === "bytes" && /[^\0-\x7f]/.test(source))
    return fail(
      context,
      "ERR_FILTER_PATTERN",
      "a pattern for bytes is ASCII: write other bytes as \\\\x and two digits",
      at,
    );
  try {
    return { op: "pattern", value, pattern: RE2JS.compile(source), source, span };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return fail(context, "ERR_FILTER_PATTERN", `this is no RE2 pattern: ${message}`, at);
  }
}

function sizeOf(context: Context, syntax: Syntax, span: Span): Value {
  const of = expectValue(context, syntax, "what has a size");
  if (of.type !== "int") return { kind: "size", type: "int", of, span };
  const reason = `strings and bytes have a size, and ${quote(context, syntax.span)} is an int`;
  return fail(context, "ERR_FILTER_TYPE", reason, span);
}

function unknownFunction(context: Context, { name, nameSpan, target }: CallSyntax): never {
  const [known, other] = target === undefined ? [FUNCTIONS, METHODS] : [METHODS, FUNCTIONS];
  const swapped = Object.hasOwn(other, name) ? other[name] : undefined;
  if (swapped !== undefined)
    return fail(context, "ERR_FILTER_NAME", `"${name}" is called like this: ${swapped}`, nameSpan);
  const names = Object.keys(known);
  const guess = didYouMean(name, [...names, ...Object.keys(other)]);
  const advice = guess === "" ? `; there is ${names.join(", ")}` : guess;
  return fail(context, "ERR_FILTER_NAME", `there is no function "${name}"${advice}`, nameSpan);
}
