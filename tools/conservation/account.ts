import type { TapRecord } from "@tcptracker/events";
import type { Moved } from "./traffic.ts";

/** What became of the bytes that were moved, each seen from both ends. */
export interface Account {
  readonly moved: number;
  readonly delivered: number;
  /** Declared missing, by cause. */
  readonly declared: Readonly<Record<string, number>>;
  /** Neither delivered nor declared. Negative: more was said than moved. */
  readonly unaccounted: number;
  /** Bytes that came twice. */
  readonly duplicate: number;
}

/** Holds records against what was moved. */
export function accountFor(records: Iterable<TapRecord>, moved: readonly Moved[]): Account {
  const ports = new Set(moved.map(({ port }) => port));
  const streams = new Map<string, { start: number; end: number }[]>();
  const declared: Record<string, number> = {};
  let delivered = 0;
  for (const record of records) {
    if (record.type !== "data" && record.type !== "gap") continue;
    if (!ports.has(record.local.port) && !ports.has(record.remote.port)) continue;
    const size = record.type === "gap" ? Number(record.size) : (record.payload?.length ?? 0);
    if (record.type === "gap") declared[record.cause] = (declared[record.cause] ?? 0) + size;
    else delivered += size;
    const key = `${record.connection.id}/${record.direction}`;
    const pieces = streams.get(key) ?? [];
    const start = Number(record.offset);
    pieces.push({ start, end: start + size });
    streams.set(key, pieces);
  }
  let [covered, duplicate] = [0, 0];
  for (const pieces of streams.values()) {
    let end = 0;
    for (const piece of pieces.toSorted((a, b) => a.start - b.start)) {
      duplicate += Math.max(0, Math.min(end, piece.end) - piece.start);
      covered += Math.max(0, piece.end - Math.max(end, piece.start));
      end = Math.max(end, piece.end);
    }
  }
  // Both ends of each connection are on this host.
  const all = 2 * moved.reduce((sum, { sent, received }) => sum + sent + received, 0);
  return { moved: all, delivered, declared, unaccounted: all - covered, duplicate };
}
