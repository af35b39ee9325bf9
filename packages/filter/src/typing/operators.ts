import type { Relation, Span } from "../kernel/expression.ts";
import type { OperatorSyntax, Syntax } from "../syntax/syntax.ts";
import { describeType, expectCondition, expectValue, fail, isValue, quote, withArticle } from "./context.ts";
import type { Context } from "./context.ts";
import { checkLiteral } from "./literals.ts";
import { expectRange, rangeOf } from "./ranges.ts";
import type { Arithmetic, Condition, Literal, Value } from "./typed.ts";

const MIRRORED: Readonly<Record<Relation, Relation>> = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

export function checkOperator(context: Context, syntax: OperatorSyntax): Condition | Value {
  const { operator, operands, span } = syntax;
  const [first, second, third] = operands;
  switch (operator) {
    case "&&":
    case "||": {
      const op = operator === "&&" ? "and" : "or";
      return { op, operands: operands.map((operand) => expectCondition(context, operand)), span };
    }
    case "!":
      return { op: "not", operand: expectCondition(context, expect(first)), span };
    case "?:":
      return choice(context, expect(first), expect(second), expect(third), span);
    case "in":
      return member(context, expect(first), expect(second), span);
    case "negate":
      return arithmetic(
        context,
        "-",
        { kind: "literal", type: "int", value: 0n, span },
        int(context, first),
        span,
      );
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return arithmetic(context, operator, int(context, first), int(context, second), span);
    default:
      return relation(context, operator, expect(first), expect(second), span);
  }
}

/** CEL's grammar has given the operator its operands. */
function expect(operand: Syntax | undefined): Syntax {
  if (operand === undefined) throw new TypeError("an operator without its operand");
  return operand;
}

function choice(
  context: Context,
  test: Syntax,
  then: Syntax,
  otherwise: Syntax,
  span: Span,
): Condition | Value {
  const condition = expectCondition(context, test);
  const [left, right] = [context.infer(then), context.infer(otherwise)];
  if (!isValue(left) && !isValue(right))
    return { op: "conditional", test: condition, then: left, otherwise: right, span };
  if (isValue(left) && isValue(right) && left.type === right.type)
    return { kind: "choice", type: left.type, test: condition, then: left, otherwise: right, span };
  const reason = `both results have to be of one type, not ${describeType(left)} and ${describeType(right)}`;
  return fail(context, "ERR_FILTER_TYPE", reason, span);
}

function relation(
  context: Context,
  operator: Relation,
  first: Syntax,
  second: Syntax,
  span: Span,
): Condition {
  const [left, right] = [context.infer(first), context.infer(second)];
  if (!isValue(left) && !isValue(right) && (operator === "==" || operator === "!="))
    return { op: "same", negated: operator === "!=", left, right, span };
  if (!isValue(left) || !isValue(right) || left.type !== right.type)
    return fail(context, "ERR_FILTER_TYPE", mismatch(context, operator, left, right), span);
  const flip = left.kind === "literal" && right.kind !== "literal";
  const test = flip
    ? { op: "relation" as const, relation: MIRRORED[operator], left: right, right: left, span }
    : { op: "relation" as const, relation: operator, left, right, span };
  if (test.right.kind === "literal") checkLiteral(context, test.left, test.right, test.relation);
  return test;
}

function mismatch(
  context: Context,
  operator: string,
  left: Condition | Value,
  right: Condition | Value,
): string {
  const reason = `"${operator}" cannot compare ${describeType(left)} with ${describeType(right)}`;
  if (!isValue(left) || !isValue(right)) {
    const value = isValue(left) ? left : isValue(right) ? right : undefined;
    return value === undefined ? `${reason}: conditions are equal or not` : reason;
  }
  for (const [literal, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const fixed = literal.kind === "literal" ? rewrite(literal, other) : undefined;
    if (fixed !== undefined) return `${reason}: write ${fixed} in place of ${quote(context, literal.span)}`;
  }
  return reason;
}

/** The literal as one of the other's type, if there is one. */
function rewrite(literal: Literal, other: Value): string | undefined {
  if (literal.type === "string" && other.type === "bytes") return `b${JSON.stringify(literal.value)}`;
  if (literal.type === "string" && other.type === "int" && /^\d{1,18}$/.test(literal.value))
    return literal.value;
  if (literal.type === "int" && other.type === "string") return `"${literal.value}"`;
  return undefined;
}

function member(context: Context, first: Syntax, second: Syntax, span: Span): Condition {
  const value = expectValue(context, first, 'the left side of "in"');
  if (second.kind !== "list") {
    const network = value.kind === "variable" && value.variable.name.endsWith(".address");
    const method = `${quote(context, first.span)}.in(${quote(context, second.span)})`;
    const advice = network ? `write ${method}` : "write values in brackets, as in remote.port in [80, 443]";
    return fail(context, "ERR_FILTER_TYPE", `"in" takes a list: ${advice}`, second.span);
  }
  const options = second.elements.map((element) => option(context, value, element));
  if (options.length === 0) return { op: "constant", value: false, span };
  return { op: "member", value, options, span };
}

function option(context: Context, value: Value, element: Syntax): Literal {
  const typed = context.infer(element);
  if (!isValue(typed) || typed.kind !== "literal")
    return fail(
      context,
      "ERR_FILTER_TYPE",
      "a list holds literals only: compare with the rest by ==",
      element.span,
    );
  if (typed.type !== value.type) {
    const fixed = rewrite(typed, value);
    const reason = `the list is compared with ${withArticle(value.type)}, and this is ${withArticle(typed.type)}`;
    return fail(
      context,
      "ERR_FILTER_TYPE",
      fixed === undefined ? reason : `${reason}: write ${fixed}`,
      element.span,
    );
  }
  checkLiteral(context, value, typed, "==");
  return typed;
}

function int(context: Context, syntax: Syntax | undefined): Value {
  const value = expectValue(context, expect(syntax), "an operand of arithmetic");
  if (value.type === "int") return value;
  return fail(
    context,
    "ERR_FILTER_TYPE",
    `arithmetic is for ints, and this is ${describeType(value)}`,
    value.span,
  );
}

function arithmetic(
  context: Context,
  operator: Arithmetic["operator"],
  left: Value,
  right: Value,
  span: Span,
): Value {
  const range = rangeOf(right);
  if ((operator === "/" || operator === "%") && range.min <= 0n && range.max >= 0n)
    return fail(context, "ERR_FILTER_RANGE", "the divisor can be 0: divide by a literal", right.span);
  const value: Arithmetic = { kind: "arithmetic", type: "int", operator, left, right, span };
  expectRange(context, value);
  return value;
}
