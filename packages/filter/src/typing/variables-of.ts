import { findVariable } from "../names/variables.ts";
import type { Variable } from "../names/variables.ts";
import type { Condition, Value } from "./typed.ts";

/** The names that a condition mentions: none twice. */
export function variablesOf(condition: Condition): Variable[] {
  return [...new Map(ofCondition(condition).map((variable) => [variable.name, variable])).values()];
}

function ofCondition(condition: Condition): Variable[] {
  switch (condition.op) {
    case "constant":
      return [];
    case "and":
    case "or":
      return condition.operands.flatMap(ofCondition);
    case "not":
      return ofCondition(condition.operand);
    case "conditional":
      return [condition.test, condition.then, condition.otherwise].flatMap(ofCondition);
    case "same":
      return [condition.left, condition.right].flatMap(ofCondition);
    case "relation":
      return [condition.left, condition.right].flatMap(ofValue);
    case "member":
    case "pattern":
      return ofValue(condition.value);
    case "search":
      return [condition.value, condition.argument].flatMap(ofValue);
    case "networks": {
      const address = findVariable(`${condition.side}.address`);
      return address === undefined ? [] : [address];
    }
  }
}

function ofValue(value: Value): Variable[] {
  switch (value.kind) {
    case "literal":
      return [];
    case "variable":
      return [value.variable];
    case "size":
      return ofValue(value.of);
    case "arithmetic":
      return [value.left, value.right].flatMap(ofValue);
    case "choice":
      return [...ofCondition(value.test), ...ofValue(value.then), ...ofValue(value.otherwise)];
  }
}
