import type { Bounds } from "./bounds.ts";
import { exactly, undecidable } from "./bounds.ts";
import type { Compare, KernelExpression, KernelField, KernelTest, OneOf, Span } from "./expression.ts";
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

/** Whether the field has one of the values, of which there is one at least. */
export function fieldIn(field: KernelField, values: readonly bigint[], span: Span): Compare | OneOf {
  const [only, ...more] = [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
  if (only === undefined) throw new RangeError("a field has to have one of no values");
  if (more.length === 0) return { op: "compare", field, relation: "==", value: only, span };
  return { op: "oneOf", field, values: [only, ...more], span };
}
