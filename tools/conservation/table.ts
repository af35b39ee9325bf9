import { collectorPeak, tapEnd, tapPeak } from "./memory.ts";
import type { Silent } from "./account.ts";
import type { Result } from "./run.ts";

/** What became of the bytes: of each fault a line, as Markdown. */
export function bytesTable(results: readonly Result[]): string {
  return table([
    ...[["fault", "seconds", "events", "moved", "delivered", "declared missing"]].map((head) => [
      ...[
        ...head,
        "lost with killed taps",
        "moved without a tap",
        "unaccounted",
        "twice",
        "wrong",
        "sent again",
      ],
    ]),
    ...results.map((result) => [
      ...[result.fault, result.seconds.toFixed(0), String(result.calls), String(result.moved)],
      ...[String(result.delivered), describeDeclared(result.declared)],
      ...[describeSilent(result.lost), describeSilent(result.untapped)],
      ...[result.unaccounted, result.twice, result.wrong, result.sentAgain].map(String),
    ]),
  ]);
}

/** Resident memory in MiB, as Markdown. */
export function memoryTable(results: readonly Result[]): string {
  const whole = (mib: number): string => mib.toFixed(0);
  return table([
    ["fault", "tap: idle", "peak", "of", "end", "of", "collector: idle", "peak", "of", "end"],
    ...results.map(({ fault, tap, collector }) => [
      fault,
      ...[tap.idle, tap.peak, tapPeak(tap.idle), tap.end, tapEnd(tap.idle)].map(whole),
      ...[collector.idle, collector.peak, collectorPeak(collector.idle), collector.end].map(whole),
    ]),
  ]);
}

/** `1200 of 1500 in 0.2 s`: of all that moved in that time. */
function describeSilent({ bytes, moved, ms }: Silent): string {
  return moved === 0 && bytes === 0 ? "0" : `${bytes} of ${moved} in ${(ms / 1000).toFixed(1)} s`;
}

function describeDeclared(declared: Readonly<Record<string, number>>): string {
  const causes = Object.entries(declared).map(([cause, size]) => `${size} ${cause}`);
  return causes.length === 0 ? "0" : causes.join(" + ");
}

/** The first row is the head; all columns but the first are of numbers. */
function table(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  return [line(head), line(rule), ...rows.slice(1).map(line)].join("\n");
}
