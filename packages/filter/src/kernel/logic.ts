/** Connectives that decide what can be decided without looking at a record. */
import type { ConditionalOf, Constant, Connective, JunctionOf, Logic, NotOf, Span } from "./expression.ts";

/** What tests are told from connectives by, and where they stand. */
export interface Tagged {
  readonly op: string;
  readonly span: Span;
}

const CONNECTIVES: ReadonlySet<string> = new Set(["constant", "and", "or", "not", "conditional"]);

export function isConnective<Atom extends Tagged>(logic: Logic<Atom>): logic is Connective<Atom> {
  return CONNECTIVES.has(logic.op);
}

export function constant(value: boolean, span: Span): Constant {
  return { op: "constant", value, span };
}

export function isConstant<Atom extends Tagged>(logic: Logic<Atom>, value: boolean): boolean {
  return isConnective(logic) && logic.op === "constant" && logic.value === value;
}

/** Without operands that change nothing; nested ones of the same kind are drawn in. */
export function junction<Atom extends Tagged>(
  op: "and" | "or",
  operands: readonly Logic<Atom>[],
  span: Span,
): Logic<Atom> {
  const decisive = op === "or";
  const flat = operands.flatMap((operand) =>
    isConnective(operand) && operand.op === op ? operand.operands : [operand],
  );
  if (flat.some((operand) => isConstant(operand, decisive))) return constant(decisive, span);
  const left = flat.filter((operand) => !isConstant(operand, !decisive));
  const [only, second] = left;
  if (only === undefined) return constant(!decisive, span);
  return second === undefined ? only : ({ op, operands: left, span } satisfies JunctionOf<Atom>);
}

export function negation<Atom extends Tagged>(operand: Logic<Atom>, span: Span): Logic<Atom> {
  if (isConnective(operand)) {
    if (operand.op === "constant") return constant(!operand.value, span);
    if (operand.op === "not") return operand.operand;
  }
  return { op: "not", operand, span } satisfies NotOf<Atom>;
}

export function conditional<Atom extends Tagged>(
  test: Logic<Atom>,
  then: Logic<Atom>,
  otherwise: Logic<Atom>,
  span: Span,
): Logic<Atom> {
  if (isConstant(test, true)) return then;
  if (isConstant(test, false)) return otherwise;
  if (isConstant(then, true)) return junction("or", [test, otherwise], span);
  if (isConstant(otherwise, false)) return junction("and", [test, then], span);
  if (isConstant(then, false)) return junction("and", [negation(test, test.span), otherwise], span);
  if (isConstant(otherwise, true)) return junction("or", [negation(test, test.span), then], span);
  return { op: "conditional", test, then, otherwise, span } satisfies ConditionalOf<Atom>;
}

/** How many tests and connectives there are. */
export function sizeOf<Atom extends Tagged>(logic: Logic<Atom>): number {
  if (!isConnective(logic)) return 1;
  switch (logic.op) {
    case "constant":
      return 1;
    case "and":
    case "or":
      return logic.operands.reduce((size, operand) => size + sizeOf(operand), 1);
    case "not":
      return 1 + sizeOf(logic.operand);
    case "conditional":
      return 1 + sizeOf(logic.test) + sizeOf(logic.then) + sizeOf(logic.otherwise);
  }
}
