import type { Condition } from "./typing/typed.ts";
import type { Level, Span } from "./kernel/expression.ts";
import { levelOf } from "./kernel/expression.ts";
import { formatKernel } from "./kernel/format.ts";
import type { Part } from "./kernel/split.ts";

/** A part of a filter, with where it stands. What comes out of a negated "or" is `!(…)` of what is written there. */
export interface Place {
  readonly span: Span;
  /** 1-based, in UTF-16 units of the whole text. */
  readonly column: number;
  readonly text: string;
}

/** A condition of which the kernel decides all, or what it can. */
export interface KernelPart extends Place {
  /** What the kernel tests. */
  readonly test: string;
  /** Whether that is once per connection, once per call, or once per call with its first bytes. */
  readonly level: Level;
  /** Whether that is all of the condition; if not, user space decides it again. */
  readonly complete: boolean;
}

/** A condition that user space decides, on what the kernel has let through. */
export interface UserPart extends Place {
  /** What the kernel cannot decide of it, and why. */
  readonly reasons: readonly (Place & { readonly reason: string })[];
}

/** What runs where, and why. */
export interface FilterPlan {
  readonly expression: string;
  readonly kernel: readonly KernelPart[];
  readonly user: readonly UserPart[];
  /** Sets of cgroups that user space keeps current for the kernel. */
  readonly sets: readonly string[];
}

export function planOf(expression: string, parts: readonly Part[], sets: readonly string[]): FilterPlan {
  const place = (span: Span): Place => {
    return { span, column: span.from + 1, text: expression.slice(span.from, span.to) };
  };
  const placeOf = (condition: Condition): Place => {
    const written = place(condition.span);
    const drawnOut = condition.op === "not" && condition.span.from === condition.operand.span.from;
    return drawnOut ? { ...written, text: `!(${written.text})` } : written;
  };
  return {
    expression,
    kernel: parts.flatMap(({ condition, kernel, exact }) =>
      kernel === undefined
        ? []
        : [{ ...placeOf(condition), test: formatKernel(kernel), level: levelOf(kernel), complete: exact }],
    ),
    user: parts
      .filter(({ exact }) => !exact)
      .map(({ condition, reasons }) => ({
        ...placeOf(condition),
        reasons: reasons.map(({ span, reason }) => ({ ...place(span), reason })),
      })),
    sets,
  };
}

const LEVELS: Readonly<Record<Level, string>> = {
  connection: "once per connection",
  call: "for each call",
  payload: "for each call, with its first bytes",
};

/** The plan in words, in lines. */
export function formatPlan(plan: FilterPlan): string {
  const lines = [`filter: ${shorten(plan.expression)}`, "", "in the kernel:"];
  if (plan.kernel.length === 0) lines.push("  nothing: every call goes to user space");
  for (const part of plan.kernel) {
    const note = part.complete ? "" : "; user space decides the rest";
    const what = part.complete ? shorten(part.text) : part.test;
    lines.push(`  column ${part.column}: ${what}  (${LEVELS[part.level]}${note})`);
  }
  for (const set of plan.sets) lines.push(`  user space keeps the set current: ${set}`);
  lines.push("", "in user space:");
  if (plan.user.length === 0) lines.push("  nothing: the kernel decides all of it");
  for (const part of plan.user) {
    lines.push(`  column ${part.column}: ${shorten(part.text)}`);
    for (const { column, text, reason } of part.reasons) {
      const what =
        part.reasons.length === 1 && text === part.text ? "" : `${shorten(text)} (column ${column}): `;
      lines.push(`    because ${what}${reason}`);
    }
  }
  return lines.join("\n");
}

/** On one line, and not for long: a list may have thousands of networks. */
function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ");
  return line.length > 120 ? `${line.slice(0, 80)} … ${line.slice(-20)}` : line;
}
