import type { Condition, Test } from "../typing/typed.ts";
import type { Bounds } from "./bounds.ts";
import type { KernelExpression, KernelTest, Span } from "./expression.ts";
import { isConstant, junction, sizeOf } from "./logic.ts";
import type { Lowering, Reason } from "./lower.ts";

/** One of the conditions of which all have to hold, and where it is decided. */
export interface Part {
  readonly condition: Condition;
  /** What the kernel decides of it; absent if that is nothing. */
  readonly kernel?: KernelExpression;
  /** Whether that is all of it. If not, user space decides the condition again. */
  readonly exact: boolean;
  /** Why the kernel does not decide all of it. */
  readonly reasons: readonly Reason[];
}

/**
 * A condition in parts, of which the kernel decides as many as it can. All that the kernel decides, and all that is left
 * over, accept together exactly what the condition accepts.
 */
export function split(
  condition: Condition,
  lowering: Lowering,
  unfit: (kernel: KernelExpression) => string | undefined,
): Part[] {
  const parts = conjuncts(condition).map((conjunct): Part => {
    const { bounds, reasons } = lowering.lower(conjunct);
    return part(conjunct, bounds, reasons);
  });
  return fit(parts, condition.span, unfit);
}

/** What the kernel has to decide: undefined if nothing. */
export function kernelOf(parts: readonly Part[], span: Span): KernelExpression | undefined {
  const kernel = junction<KernelTest>(
    "and",
    parts.flatMap((one) => one.kernel ?? []),
    span,
  );
  return isConstant(kernel, true) ? undefined : kernel;
}

/** What user space has to decide of what the kernel has let through: undefined if nothing. */
export function residualOf(parts: readonly Part[], span: Span): Condition | undefined {
  const residual = junction<Test>(
    "and",
    parts.filter(({ exact }) => !exact).map(({ condition }) => condition),
    span,
  );
  return isConstant(residual, true) ? undefined : residual;
}

function part(condition: Condition, { upper, exact }: Bounds<KernelTest>, reasons: readonly Reason[]): Part {
  if (isConstant(upper, true)) return { condition, exact, reasons };
  return { condition, kernel: upper, exact, reasons };
}

/** `a && b`, `!(a || b)` and `a ? b : false` are two conditions each. */
function conjuncts(condition: Condition): Condition[] {
  if (condition.op === "and") return condition.operands.flatMap(conjuncts);
  if (condition.op === "not" && condition.operand.op === "or") {
    const alternatives = bySpan(condition.operand.operands);
    if (alternatives.length > 1)
      return alternatives.flatMap((operand) => conjuncts({ op: "not", operand, span: operand.span }));
  }
  return condition.op === "not" && condition.operand.op === "not"
    ? conjuncts(condition.operand.operand)
    : [condition];
}

/** Those that one function stands for, together: port(80) is two tests, and nobody wants to read of either. */
function bySpan(operands: readonly Condition[]): Condition[] {
  const groups = Map.groupBy(operands, ({ span }) => span);
  return [...groups].map(([span, group]) => junction<Test>("or", group, span));
}

/** Of very many parts, this share goes at a time: each time the kernel's part is put together again. */
const SHARE = 16;

/** Takes the largest parts back to user space until the rest fits. */
function fit(
  parts: readonly Part[],
  span: Span,
  unfit: (kernel: KernelExpression) => string | undefined,
): Part[] {
  let fitted = [...parts];
  for (;;) {
    const kernel = kernelOf(fitted, span);
    const why = kernel === undefined ? undefined : unfit(kernel);
    if (why === undefined) return fitted;
    const inKernel = fitted.filter((one) => one.kernel !== undefined).sort((a, b) => weight(b) - weight(a));
    const moved = new Set(inKernel.slice(0, Math.ceil(inKernel.length / SHARE)));
    fitted = fitted.map((one) => (moved.has(one) ? moveUp(one, why) : one));
  }
}

function moveUp({ condition, reasons }: Part, why: string): Part {
  return { condition, exact: false, reasons: [...reasons, { span: condition.span, reason: why }] };
}

function weight({ kernel }: Part): number {
  return kernel === undefined ? 0 : sizeOf(kernel);
}
