import type { Account } from "./account.ts";

/** The result of one fault. */
export interface Row extends Account {
  readonly fault: string;
  /** The most resident memory of the tap, and of the collector, in MiB. */
  readonly tap: number;
  readonly collector: number;
}

/** Prints rows as a table. */
export function printTable(rows: readonly Row[]): void {
  const lines = [
    ["fault", "moved", "delivered", "declared missing", "unaccounted", "twice", "tap MiB", "collector MiB"],
    ...rows.map((row) => [
      row.fault,
      String(row.moved),
      String(row.delivered),
      describeDeclared(row.declared),
      String(row.unaccounted),
      String(row.duplicate),
      row.tap.toFixed(0),
      row.collector.toFixed(0),
    ]),
  ];
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  for (const line of lines)
    console.log(
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  "),
    );
}

function describeDeclared(declared: Readonly<Record<string, number>>): string {
  const causes = Object.entries(declared).map(([cause, size]) => `${size} ${cause}`);
  return causes.length === 0 ? "0" : causes.join(" + ");
}
