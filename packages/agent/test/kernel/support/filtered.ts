import type { DataRecord, GapRecord, TapRecord } from "@tcptracker/events";
import { compile, RecordInput } from "@tcptracker/filter";

/** What two taps must say alike of a record; each has connection ids and times of its own. */
export interface SeenRecord {
  readonly type: string;
  readonly local: number;
  readonly remote: number;
  readonly direction?: string;
  readonly offset?: bigint;
  readonly size?: bigint;
  readonly payload?: string;
  readonly cause?: string;
}

/** The record without what is a tap's own. */
export function seen(record: TapRecord): SeenRecord {
  const ends = { type: record.type, local: record.local.port, remote: record.remote.port };
  if (record.type === "open" || record.type === "close") return ends;
  const { direction, offset, size } = record;
  if (record.type === "gap") return { ...ends, direction, offset, size, cause: record.cause };
  return { ...ends, direction, offset, size, payload: Buffer.from(record.payload ?? []).toString("hex") };
}

/** Of the records of an unfiltered tap, those that a filter keeps: whole calls, by what it says of all their records. */
export function keep(text: string, records: readonly TapRecord[]): TapRecord[] {
  const { whole } = compile(text);
  const calls = new Map<string, (DataRecord | GapRecord)[]>();
  for (const record of records) {
    if (record.type === "open" || record.type === "close") continue;
    const key = keyOf(record);
    calls.set(key, [...(calls.get(key) ?? []), record]);
  }
  return records.filter((record) => {
    if (record.type === "open" || record.type === "close") return whole(new RecordInput(record));
    return whole(new RecordInput(callOf(calls.get(keyOf(record)) ?? [])));
  });
}

function keyOf({ connection, direction, process, time }: DataRecord | GapRecord): string {
  return [connection.id, direction, process.tid, time].join(" ");
}

function callOf(records: readonly (DataRecord | GapRecord)[]): DataRecord {
  const [first] = records;
  if (first === undefined) throw new Error("a call has no record");
  const data = records.filter((record): record is DataRecord => record.type === "data");
  const size = data[0]?.size ?? records.reduce((sum, record) => sum + record.size, 0n);
  return {
    ...first,
    type: "data",
    size,
    payload: Buffer.concat(data.map(({ payload }) => payload ?? new Uint8Array(0))),
  };
}
