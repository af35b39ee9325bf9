import type { CloseRecord, DataRecord, Direction, GapRecord, TapRecord } from "@tcptracker/events";
import { expect } from "vitest";
import type { TapStatistics } from "../../../src/index.ts";
import type { Collector } from "./collector.ts";

/** One end of one connection as its records tell it. */
export interface TappedEnd {
  readonly role: string;
  readonly joined: string;
  readonly local: number;
  readonly remote: number;
  /** The types of the records; neighbours of the same type are one. */
  readonly types: readonly string[];
  readonly egress: string;
  readonly ingress: string;
}

/** The records of each connection, in the order in which the connections began. */
export function byConnection(records: readonly TapRecord[]): TapRecord[][] {
  const ends = new Map<unknown, TapRecord[]>();
  for (const record of records) {
    const end = ends.get(record.connection.id);
    if (end === undefined) ends.set(record.connection.id, [record]);
    else end.push(record);
  }
  return Array.from(ends.values());
}

function text(records: readonly TapRecord[], direction: Direction): string {
  const pieces = records.filter((record) => record.type === "data" && record.direction === direction);
  return Buffer.concat(pieces.map((piece) => (piece as DataRecord).payload ?? new Uint8Array(0))).toString();
}

/** Each end of each connection that has a port of `listener` and one of `clients`. */
export function endsOf(
  records: readonly TapRecord[],
  listener: number,
  clients?: readonly number[],
): TappedEnd[] {
  const ours = records.filter(({ local, remote }) =>
    [
      [local.port, remote.port],
      [remote.port, local.port],
    ].some(
      ([server, client]) => server === listener && (clients === undefined || clients.includes(client ?? -1)),
    ),
  );
  return byConnection(ours).map((end) => {
    const [{ connection, local, remote }] = end as [TapRecord];
    return {
      role: connection.role,
      joined: connection.joined,
      local: local.port,
      remote: remote.port,
      types: end.map(({ type }) => type).filter((type, index, types) => type !== types[index - 1]),
      egress: text(end, "egress"),
      ingress: text(end, "ingress"),
    };
  });
}

/** An end that was tapped from its beginning to its end, and that moved these bytes. */
export function wholeEnd(
  role: "client" | "server",
  [local, remote]: readonly [number, number],
  moved: { readonly egress?: string; readonly ingress?: string },
): TappedEnd {
  const { egress = "", ingress = "" } = moved;
  return { role, joined: "start", local, remote, types: ["open", "data", "close"], egress, ingress };
}

/** Every byte is in a record, or declared, or filtered out, or at least counted as undeclared; every end was told. */
export function expectBalance({ counters, decodeErrors }: TapStatistics): void {
  expect(decodeErrors).toBe(0);
  const { delivered_bytes, gap_bytes, filtered_bytes, undeclared_bytes } = counters;
  expect(delivered_bytes + gap_bytes + filtered_bytes + undeclared_bytes).toBe(
    counters.egress_bytes + counters.ingress_bytes,
  );
}

/** Calls have moved what TCP counted: nothing went past them. */
export function expectSeen(records: readonly TapRecord[]): void {
  expect(records.filter((record) => record.type === "gap" && record.cause === "unseen")).toEqual([]);
}

/** How far the records of a direction go, and what is in none of them; throws where two have the same byte. */
function coverage(records: readonly TapRecord[], direction: Direction): { end: bigint; missing: bigint } {
  const pieces = records
    .filter((record): record is DataRecord | GapRecord => record.type === "data" || record.type === "gap")
    .filter((record) => record.direction === direction)
    .toSorted((a, b) => Number(a.offset - b.offset));
  let end = 0n;
  let missing = 0n;
  for (const piece of pieces) {
    if (piece.offset < end)
      throw new Error(`${direction}: up to ${end} there are records, and then one at ${piece.offset}`);
    missing += piece.offset - end;
    end = piece.offset + (piece.type === "gap" ? piece.size : BigInt(piece.payload?.length ?? 0));
  }
  return { end, missing };
}

/** Checks that an end has one close record and no byte twice; gives how many bytes its records leave out. */
export function missingBytes(records: readonly TapRecord[]): bigint {
  const closes = records.filter((record): record is CloseRecord => record.type === "close");
  expect(closes).toHaveLength(1);
  const [close] = closes as [CloseRecord];
  let sum = 0n;
  for (const direction of ["egress", "ingress"] as const) {
    const { end, missing } = coverage(records, direction);
    const total = close[direction].bytes;
    sum += missing;
    if (end < total) sum += total - end;
  }
  return sum;
}

/** Checks that the close record of an end is its last, and that it counts every byte that the others have. */
export function expectLastClose(records: readonly TapRecord[]): void {
  const last = records.at(-1);
  if (last?.type !== "close") throw new Error(`nothing comes after the close record, but ${last?.type}`);
  for (const direction of ["egress", "ingress"] as const)
    expect(coverage(records, direction).end).toBeLessThanOrEqual(last[direction].bytes);
}

/** Checks that each connection that ended was told to its end, once the tap has been stopped. */
export function expectCloses(collector: Collector): void {
  const { counters } = collector.statistics();
  const closes = collector.all().filter(({ type }) => type === "close");
  expect(counters.close_lost).toBe(0n);
  // A connection that never came about ends without a record, whichever process of this host tried it.
  const untold = counters.connections_closed - BigInt(closes.length);
  expect(untold).toBeGreaterThanOrEqual(0n);
  expect(untold).toBeLessThanOrEqual(counters.connect_failed);
}
