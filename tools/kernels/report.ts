// Results as people read them.
import type { Architecture } from "./kernels.ts";
import type { Combination } from "./plan.ts";
import type { Outcome } from "./results.ts";

/** What became of one combination on one kernel. */
export interface Row extends Combination {
  readonly kernel: string;
  readonly release: string;
  readonly architecture: Architecture;
  /** Why it should not work there; absent: it should. */
  readonly unsupported?: string;
  /** Absent: the machine never came to it. */
  readonly outcome?: Outcome;
  /** How the tests' tap said that it was attached. */
  readonly attachedAs?: string;
  /** What else is wrong: verified instructions that have grown, or that are missing. */
  readonly problems?: readonly string[];
}

/** Whether a row may have used the object that a problem begins with. */
function concerns(problem: string, { strategy, transport }: Row): boolean {
  const object = [strategy, transport].map((part) => (part === "auto" ? "[a-z]+" : part)).join("\\.");
  return new RegExp(`^${object}\\b`).test(problem);
}

/**
 * Adds what is wrong with the verifier's numbers to the rows of a kernel: each of the `problems` begins with the name of an object,
 * e.g. `kprobe.ringbuf`. What is no row's is every row's, or it would be lost.
 */
export function withProblems(rows: readonly Row[], problems: readonly string[]): Row[] {
  const homeless = problems.filter((problem) => !rows.some((row) => concerns(problem, row)));
  return rows.map((row) => {
    const own = problems.filter((problem) => concerns(problem, row) || homeless.includes(problem));
    return own.length === 0 ? row : { ...row, problems: [...(row.problems ?? []), ...own] };
  });
}

/** Whether nothing is wrong with a row. */
export function isGood({ outcome, problems = [] }: Row): boolean {
  return (
    outcome?.complete === true && outcome.failures.length === 0 && outcome.passed > 0 && problems.length === 0
  );
}

/** What is wrong or right with a row, in a few words. */
export function verdict(row: Row): string {
  const { unsupported, outcome, problems = [] } = row;
  if (outcome === undefined) return "FAILED: did not run";
  const counts = [
    `${outcome.passed} passed`,
    ...(outcome.failures.length > 0 ? [`${outcome.failures.length} failed`] : []),
    ...(outcome.skipped > 0 ? [`${outcome.skipped} skipped`] : []),
  ].join(", ");
  if (isGood(row)) return unsupported === undefined ? counts : "not supported, as expected";
  if (!outcome.complete) return `FAILED: ${counts}, then it stopped`;
  if (outcome.failures.length === 0 && problems.length > 0) return `FAILED: ${problems.join("; ")}`;
  return unsupported === undefined ? `FAILED: ${counts}` : "FAILED: refused in another way than expected";
}

/** The table of all rows. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [
    ["kernel", "arch", "strategy", "transport", "result", "seconds", "tapped by"],
    ...rows.map((row) => [
      row.release === "" || row.release.startsWith(row.kernel)
        ? row.release || row.kernel
        : `${row.kernel} (${row.release})`,
      row.architecture,
      row.strategy,
      row.transport,
      verdict(row),
      String(row.outcome?.seconds ?? ""),
      row.attachedAs ?? "",
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  const lines = cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return lines.join("\n");
}

/** The first failures of a row, with what went wrong. */
export function formatFailures(row: Row, most = 5): string {
  const failures = row.outcome?.failures ?? [];
  const head = `${row.kernel} ${row.architecture} ${row.strategy} ${row.transport}`;
  const shown = failures.slice(0, most).map(({ file, name, error }) => {
    const text = (error ?? "").split("\n").slice(0, 60).join("\n    ");
    return `${head}: ${file} ${name}\n    ${text}`;
  });
  if (failures.length > most) shown.push(`${head}: and ${failures.length - most} more`);
  return shown.join("\n");
}
