import type { Bounds } from "./bounds.ts";
import { exactly, undecidable } from "./bounds.ts";
import type { KernelExpression, KernelTest, Relation, Span } from "./expression.ts";
import { constant } from "./logic.ts";

/** What becomes of a test: what the kernel can say of it, and, if that is not all, why. */
export interface Lowered {
  readonly bounds: Bounds<KernelTest>;
  readonly reason?: string;
}

/** The kernel decides it. */
export function decided(kernel: KernelExpression): Lowered {
  return { bounds: exactly<KernelTest>(kernel) };
}

/** It is decided before anything runs. */
export function settled(value: boolean, span: Span): Lowered {
  return decided(constant(value, span));
}

/** The kernel cannot decide it. */
export function impossible(reason: string, span: Span): Lowered {
  return { reason, bounds: undecidable<KernelTest>(span) };
}

/** The kernel can rule it out in some cases, and no more. */
export function onlyIf(upper: KernelExpression, reason: string, span: Span): Lowered {
  return { reason, bounds: { upper, lower: constant(false, span), exact: false } };
}

/** The opposite of what the kernel can say. */
export function opposite({ bounds, ...rest }: Lowered, span: Span): Lowered {
  const { upper, lower, exact } = bounds;
  const flip = (logic: KernelExpression): KernelExpression =>
    logic.op === "constant" ? constant(!logic.value, span) : { op: "not", operand: logic, span };
  return {
    ...rest,
    bounds: exact ? exactly<KernelTest>(flip(upper)) : { upper: flip(lower), lower: flip(upper), exact },
  };
}

export function holds(left: number, relation: Relation, right: number): boolean {
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
