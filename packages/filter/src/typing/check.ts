import type { SetDeclaration } from "../names/environment.ts";
import type { LiteralSyntax, Syntax } from "../syntax/syntax.ts";
import { checkCall } from "./calls.ts";
import { expectCondition, fail } from "./context.ts";
import type { Context } from "./context.ts";
import { resolveIndex, resolveName } from "./names.ts";
import { checkOperator } from "./operators.ts";
import type { Condition, Value } from "./typed.ts";

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

/**
 * Types a whole filter. What it returns has a value for every record: whatever could fail later fails here, with a
 * FilterError.
 */
export function check(text: string, sets: readonly SetDeclaration[], syntax: Syntax): Condition {
  const context: Context = { text, sets, infer: (part) => infer(context, part) };
  return expectCondition(context, syntax);
}

function infer(context: Context, syntax: Syntax): Condition | Value {
  const { span } = syntax;
  switch (syntax.kind) {
    case "literal":
      return literal(context, syntax);
    case "name": {
      const variable = resolveName(context, syntax);
      return { kind: "variable", type: variable.type, variable, span };
    }
    case "index": {
      const variable = resolveIndex(context, syntax);
      return { kind: "variable", type: variable.type, variable, span };
    }
    case "call":
      return checkCall(context, syntax);
    case "operator":
      return checkOperator(context, syntax);
    case "list":
      return fail(
        context,
        "ERR_FILTER_TYPE",
        'a list stands behind "in" only, as in remote.port in [80, 443]',
        span,
      );
    case "foreign":
      return fail(context, "ERR_FILTER_UNSUPPORTED", `filters do not have ${syntax.what}`, span);
  }
}

function literal(context: Context, syntax: LiteralSyntax): Condition | Value {
  const { span } = syntax;
  switch (syntax.type) {
    case "bool":
      return { op: "constant", value: syntax.value, span };
    case "int":
      if (syntax.value < MIN_INT || syntax.value > MAX_INT)
        return fail(context, "ERR_FILTER_RANGE", `an int is ${MIN_INT} to ${MAX_INT}`, span);
      return { kind: "literal", type: "int", value: syntax.value, span };
    case "string":
      return { kind: "literal", type: "string", value: syntax.value, span };
    case "bytes":
      return { kind: "literal", type: "bytes", value: syntax.value, span };
    case "uint":
      return fail(context, "ERR_FILTER_TYPE", "all numbers here are int: write it without the u", span);
    case "double":
      return fail(context, "ERR_FILTER_TYPE", "all numbers here are int: write a whole number", span);
    case "null":
      return fail(context, "ERR_FILTER_TYPE", 'nothing is null here: what is absent is "", 0 or b""', span);
  }
}
