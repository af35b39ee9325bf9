import { asMissingData, UNKNOWN_OF_MISSING } from "./evaluate/missing-data.ts";
import { toPredicate } from "./evaluate/predicate.ts";
import type { Predicate } from "./evaluate/predicate.ts";
import { planOf } from "./explain.ts";
import type { FilterPlan } from "./explain.ts";
import { boundsOf, exactly, undecidable } from "./kernel/bounds.ts";
import type { KernelExpression } from "./kernel/expression.ts";
import { isConnective } from "./kernel/logic.ts";
import { Lowering } from "./kernel/lower.ts";
import type { DynamicSet } from "./kernel/sets.ts";
import { kernelOf, residualOf, split } from "./kernel/split.ts";
import { DEFAULT_SNAPLEN } from "./names/environment.ts";
import type { FilterEnvironment } from "./names/environment.ts";
import { parse } from "./syntax/parse.ts";
import { check } from "./typing/check.ts";
import type { Condition, Test } from "./typing/typed.ts";
import { variablesOf } from "./typing/variables-of.ts";

/** A compiled filter. `kernel` and `residual` accept together what `whole` accepts. */
export interface Filter {
  readonly text: string;
  /** What the kernel decides. Absent if that is nothing: it lets everything through. */
  readonly kernel?: KernelExpression;
  /** What is left to decide of calls that the kernel has let through. Absent if that is nothing. */
  readonly residual?: Predicate;
  /** The filter itself, for records that have not gone through the kernel's part. */
  readonly whole: Predicate;
  /**
   * For gaps that no call has made (`ring_full`, `unseen`): whether the filter accepts the gap, or might have accepted what
   * is missing.
   */
  readonly maybe: Predicate;
  /** The sets of cgroups that `kernel` refers to. */
  readonly sets: readonly DynamicSet[];
  /** What runs where, and why. */
  explain(): FilterPlan;
}

/**
 * Compiles an expression in CEL over the names of records.
 *
 * Throws FilterError, and nothing else, for a text that is none, or that names or compares what is not there.
 */
export function compile(text: string, environment: FilterEnvironment = {}): Filter {
  const { snaplen = DEFAULT_SNAPLEN, sets = [], unfit = () => undefined } = environment;
  const condition = simplify(check(text, sets, parse(text)));
  const lowering = new Lowering(text, snaplen);
  const parts = split(condition, lowering, unfit);
  const kernel = kernelOf(parts, condition.span);
  const residual = residualOf(parts, condition.span);
  const used = kernel === undefined ? new Set<string>() : setsOf(kernel);
  const dynamic = [...lowering.sets.values()].filter(({ id }) => used.has(id));
  const plan = planOf(
    text,
    parts,
    dynamic.map(({ id }) => id),
  );
  return {
    text,
    ...(kernel === undefined ? {} : { kernel }),
    ...(residual === undefined ? {} : { residual: toPredicate(residual) }),
    whole: toPredicate(condition),
    maybe: maybeOf(condition),
    sets: dynamic,
    explain: () => plan,
  };
}

/** Without what changes nothing. */
function simplify(condition: Condition): Condition {
  return boundsOf<Test, Test>(condition, exactly).upper;
}

/** Accepts what the filter accepts, and what it might accept if what is missing were there. */
function maybeOf(condition: Condition): Predicate {
  const whole = toPredicate(condition);
  const { upper } = boundsOf<Test, Test>(condition, (test) =>
    variablesOf(test).some(({ name }) => UNKNOWN_OF_MISSING.has(name))
      ? undecidable(test.span)
      : exactly(test),
  );
  const possible = toPredicate(upper);
  return (input) => whole(input) || possible(asMissingData(input));
}

function setsOf(kernel: KernelExpression): Set<string> {
  if (!isConnective(kernel)) return new Set(kernel.op === "inSet" ? [kernel.set] : []);
  switch (kernel.op) {
    case "constant":
      return new Set();
    case "and":
    case "or":
      return new Set(kernel.operands.flatMap((operand) => [...setsOf(operand)]));
    case "not":
      return setsOf(kernel.operand);
    case "conditional":
      return new Set([kernel.test, kernel.then, kernel.otherwise].flatMap((part) => [...setsOf(part)]));
  }
}
