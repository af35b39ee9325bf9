/**
 * What part of a condition can be decided where not every test can: the strongest condition made of decidable tests that
 * holds whenever the whole holds (`upper`), and the weakest one that only holds when the whole does (`lower`).
 *
 * Each undecidable test may be either: at its place stands true in the one and false in the other, and a `not` changes
 * them over.
 */
import type { ConditionalOf, Logic, Span } from "./expression.ts";
import { conditional, constant, isConnective, junction, negation, sizeOf } from "./logic.ts";
import type { Tagged } from "./logic.ts";

/** Both are the same, and say what the whole says, if `exact`. */
export interface Bounds<Atom> {
  readonly upper: Logic<Atom>;
  readonly lower: Logic<Atom>;
  readonly exact: boolean;
}

/** A `conditional` whose test is undecidable needs the bounds of the test twice; beyond this size, it does without. */
const TEST_LIMIT = 32;

/** The bounds of `logic`, whose tests have the bounds that `decide` gives. */
export function boundsOf<Whole extends Tagged, Part extends Tagged>(
  logic: Logic<Whole>,
  decide: (test: Whole) => Bounds<Part>,
): Bounds<Part> {
  if (!isConnective(logic)) return decide(logic);
  const { span } = logic;
  switch (logic.op) {
    case "constant":
      return exactly<Part>(logic);
    case "and":
    case "or": {
      const parts = logic.operands.map((operand) => boundsOf(operand, decide));
      const { op } = logic;
      const upper = junction(
        op,
        parts.map((part) => part.upper),
        span,
      );
      if (parts.every(({ exact }) => exact)) return exactly<Part>(upper);
      return {
        upper,
        lower: junction(
          op,
          parts.map((part) => part.lower),
          span,
        ),
        exact: false,
      };
    }
    case "not": {
      const part = boundsOf(logic.operand, decide);
      const upper = negation(part.lower, span);
      return part.exact ? exactly(upper) : { upper, lower: negation(part.upper, span), exact: false };
    }
    case "conditional":
      return conditionalBounds(logic, decide);
  }
}

export function exactly<Atom extends Tagged>(logic: Logic<Atom>): Bounds<Atom> {
  return { upper: logic, lower: logic, exact: true };
}

export function undecidable<Atom extends Tagged>(span: Span): Bounds<Atom> {
  return { upper: constant(true, span), lower: constant(false, span), exact: false };
}

function conditionalBounds<Whole extends Tagged, Part extends Tagged>(
  { test, then, otherwise, span }: ConditionalOf<Whole>,
  decide: (test: Whole) => Bounds<Part>,
): Bounds<Part> {
  const [decision, left, right] = [
    boundsOf(test, decide),
    boundsOf(then, decide),
    boundsOf(otherwise, decide),
  ];
  if (decision.exact) {
    const upper = conditional(decision.upper, left.upper, right.upper, span);
    if (left.exact && right.exact) return exactly<Part>(upper);
    return { upper, lower: conditional(decision.upper, left.lower, right.lower, span), exact: false };
  }
  const small = sizeOf(decision.upper) + sizeOf(decision.lower) <= TEST_LIMIT;
  const [may, must] = small
    ? [decision.upper, decision.lower]
    : [constant(true, span), constant(false, span)];
  // test ? then : otherwise is (test && then) || (!test && otherwise), and also (!test || then) && (test || otherwise).
  return {
    upper: junction(
      "or",
      [junction("and", [may, left.upper], span), junction("and", [negation(must, span), right.upper], span)],
      span,
    ),
    lower: junction(
      "and",
      [junction("or", [negation(may, span), left.lower], span), junction("or", [must, right.lower], span)],
      span,
    ),
    exact: false,
  };
}
