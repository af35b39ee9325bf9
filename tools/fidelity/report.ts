/** What the suite prints. */
import type { Finding } from "./match.ts";
import type { Measurement } from "./measure.ts";

/** A workload and how its last run went. */
export interface Outcome {
  readonly workload: string;
  readonly what: string;
  /** Absent if the run did not get as far as a comparison. */
  readonly measurement?: Measurement;
  /** Why the run is worth nothing. */
  readonly failure?: string;
  /** Why there was a second run. */
  readonly retried?: string;
}

/** What the table has of a measurement. */
export interface Row {
  readonly workload: string;
  readonly connections: number;
  readonly wireBytes: number;
  readonly identical: number;
  readonly gaps: Readonly<Record<string, number>>;
  readonly unread: number;
  readonly unsent: number;
  readonly differences: number;
  readonly differingBytes: number;
}

const HEADINGS = [
  "workload",
  "connections",
  "bytes on the wire",
  "identical at both ends",
  "declared gaps",
  "unread",
  "unsent",
  "undeclared differences",
] as const;

function digits(value: number): string {
  return value.toLocaleString("en-US");
}

function formatGaps(gaps: Readonly<Record<string, number>>): string {
  const causes = Object.entries(gaps).map(([cause, bytes]) => `${digits(bytes)} ${cause}`);
  return causes.length === 0 ? "0" : causes.join(", ");
}

export function rowOf(workload: string, measured: Measurement): Row {
  const { connections, wireBytes, identical, gaps, unread, unsent, findings } = measured;
  return {
    workload,
    connections,
    wireBytes,
    identical,
    gaps: Object.fromEntries(gaps),
    unread,
    unsent,
    differences: findings.length,
    differingBytes: findings.reduce((sum, { size }) => sum + size, 0),
  };
}

function add(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...a };
  for (const [cause, bytes] of Object.entries(b)) sum[cause] = (sum[cause] ?? 0) + bytes;
  return sum;
}

export function total(rows: readonly Row[]): Row {
  const start: Row = {
    workload: "all",
    connections: 0,
    wireBytes: 0,
    identical: 0,
    gaps: {},
    unread: 0,
    unsent: 0,
    differences: 0,
    differingBytes: 0,
  };
  return rows.reduce(
    (sum, row) => ({
      workload: sum.workload,
      connections: sum.connections + row.connections,
      wireBytes: sum.wireBytes + row.wireBytes,
      identical: sum.identical + row.identical,
      gaps: add(sum.gaps, row.gaps),
      unread: sum.unread + row.unread,
      unsent: sum.unsent + row.unsent,
      differences: sum.differences + row.differences,
      differingBytes: sum.differingBytes + row.differingBytes,
    }),
    start,
  );
}

/** The causes are in the rows above; all of them in one cell would make the table twice as wide. */
function lastCells(rows: readonly Row[]): string[] {
  const sum = total(rows);
  const declared = Object.values(sum.gaps).reduce((bytes, each) => bytes + each, 0);
  return cells(sum).with(HEADINGS.indexOf("declared gaps"), digits(declared));
}

function cells(row: Row): string[] {
  const differences =
    row.differences === 0 ? "0" : `${digits(row.differences)} (${digits(row.differingBytes)} B)`;
  return [
    row.workload,
    digits(row.connections),
    digits(row.wireBytes),
    digits(row.identical),
    formatGaps(row.gaps),
    digits(row.unread),
    digits(row.unsent),
    differences,
  ];
}

/** The table: names to the left, numbers to the right. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [[...HEADINGS], ...rows.map(cells)];
  if (rows.length > 1) lines.push(lastCells(rows));
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One line for a difference. */
export function formatFinding({ connection, end, direction, offset, size, what }: Finding): string {
  return `${connection}, ${end}, ${direction}, ${digits(size)} B at ${digits(offset)}: ${what}`;
}

/** The outcomes as JSON. */
export function formatJson(outcomes: readonly Outcome[], seconds: number): string {
  const workloads = outcomes.map(({ workload, what, measurement, failure, retried }) => ({
    workload,
    what,
    ...(measurement === undefined ? {} : describe(workload, measurement)),
    ...(failure === undefined ? {} : { failure }),
    ...(retried === undefined ? {} : { retried }),
  }));
  const passed = outcomes.every(({ failure }) => failure === undefined);
  return JSON.stringify({ passed, seconds: Math.round(seconds), workloads }, undefined, 2);
}

function describe(workload: string, measured: Measurement): object {
  const { findings, dropped, repeatedBytes, statistics } = measured;
  const { missedRuns, decodeErrors, counters } = statistics;
  const undeclared = Number(counters.undeclared_bytes);
  const tap = { missedRuns, decodeErrors, undeclaredBytes: undeclared };
  return { ...rowOf(workload, measured), findings, packetsDropped: dropped, repeatedBytes, tap };
}
