import type { Variable } from "../names/variables.ts";
import type { MemberTest, RelationTest, Test, Value } from "../typing/typed.ts";
import type { Relation, Span } from "./expression.ts";
import { decided, fieldIn, impossible, settled } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";

/** Fields of 64 bits in the kernel, of which the language has this and nothing above it. */
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);
const COMPUTED = "arithmetic is done in user space";

/** A test on ints only, none of them the size of a payload. */
export function lowerInt(test: Test): Lowered {
  if (test.op === "relation") return lowerRelation(test);
  if (test.op === "member") return lowerMember(test);
  return impossible(COMPUTED, test.span);
}

function lowerRelation({ relation, left, right, span }: RelationTest): Lowered {
  const variable = intVariable(left);
  if (variable === undefined) return impossible(COMPUTED, span);
  if (right.kind === "literal" && right.type === "int") return compare(variable, relation, right.value, span);
  const other = intVariable(right);
  if (other === undefined) return impossible(COMPUTED, span);
  if (isWide(variable) && isWide(other))
    return impossible("the kernel does not compare these with each other", span);
  return decided({ op: "compareFields", left: variable.field, relation, right: other.field, span });
}

/** What is above the largest number counts as it: `==` is `>=` there, and so on. */
function compare(variable: IntVariable, relation: Relation, value: bigint, span: Span): Lowered {
  const { field } = variable;
  if (!isWide(variable) || value !== LARGEST) return decided({ op: "compare", field, relation, value, span });
  switch (relation) {
    case "<=":
      return settled(true, span);
    case ">":
      return settled(false, span);
    case "==":
    case ">=":
      return decided({ op: "compare", field, relation: ">=", value, span });
    case "!=":
    case "<":
      return decided({ op: "compare", field, relation: "<", value, span });
  }
}

function lowerMember({ value, options, span }: MemberTest): Lowered {
  const variable = intVariable(value);
  if (variable === undefined) return impossible(COMPUTED, span);
  const values = options.flatMap((option) => (option.type === "int" ? [option.value] : []));
  if (isWide(variable) && values.includes(LARGEST))
    return impossible(`${LARGEST} stands for all numbers above it, too`, span);
  return decided(fieldIn(variable.field, values, span));
}

type IntVariable = Variable & { type: "int" };

function intVariable(value: Value): IntVariable | undefined {
  return value.kind === "variable" && value.variable.type === "int" ? value.variable : undefined;
}

function isWide({ max }: IntVariable): boolean {
  return max === Number.MAX_SAFE_INTEGER;
}
