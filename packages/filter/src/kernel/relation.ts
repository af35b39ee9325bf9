import type { Relation } from "./expression.ts";

export function holds<Value extends number | bigint>(left: Value, relation: Relation, right: Value): boolean {
  switch (relation) {
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
  }
}
