import { readFileSync } from "node:fs";

import { expect } from "vitest";

import { BpfError, BpfObject, frames, type PerfBufferReaderOptions } from "../../src/index.ts";
import { parseCpuList } from "../../src/cpus.ts";
import { object } from "../compile.ts";
import { rawArguments, readU32, readU64 } from "./support.ts";

/** The longest record: a sample's size has 16 bits, and counts a header of 12 bytes; rounded down to 8. */
export const MAX_PERF_RECORD: number = 65_516;
/** A record's number, key, length and CPU. */
export const HEAD_BYTES = 24;
const SCRATCH_BYTES = 131_072;
const BPF_F_TEST_RUN_ON_CPU = 1;

/** What every record has after its head. */
const pattern = Uint8Array.from({ length: SCRATCH_BYTES }, (_, index) => (index * 7 + (index >> 8)) & 255);

export const cpus: number[] = parseCpuList(readFileSync("/sys/devices/system/cpu/online", "utf8"));

export function open(name: "perf" | "ring" = "perf"): BpfObject {
  const opened = BpfObject.open(object(name));
  opened.load();
  if (name === "perf") opened.map("scratch").set(0, pattern);
  return opened;
}

/** How to produce; see the variables in perf.bpf.c. */
export interface Produce {
  length?: number;
  cpu?: number;
  /** Key of the first record and step to the next; without it the time. */
  key?: number;
  step?: number;
  /** Let the helper fail. */
  full?: boolean;
}

/** Sends records from one CPU (default: the first). */
export function produce(opened: BpfObject, count: number, how: Produce = {}): void {
  const before = readU64(opened.readVariable("refused"));
  opened.writeVariable("length", how.length ?? 64);
  opened.writeVariable("next_key", BigInt(how.key ?? 0));
  opened.writeVariable("key_step", BigInt(how.step ?? 1));
  const options = { flags: BPF_F_TEST_RUN_ON_CPU, cpu: how.cpu ?? cpus[0] ?? 0 };
  for (let left = count; left > 0; left -= 1000) {
    const run = opened
      .program("produce")
      .testRun({ ...options, context: rawArguments(Math.min(left, 1000)) });
    if (run.returnValue !== 0) throw new Error("a record was not made");
  }
  if (how.full !== true && readU64(opened.readVariable("refused")) !== before)
    throw new Error("the ring was full");
}

/** The last error of the helper. */
export function perfError(opened: BpfObject): number {
  const bytes = opened.readVariable("error");
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(0, true));
}

export interface PerfRecord {
  number: number;
  key: number;
  cpu: number;
  bytes: number;
}

/** Collects the heads of the records and checks that every record is whole. */
export class PerfCollector {
  readonly records: PerfRecord[] = [];
  readonly batches: number[] = [];
  readonly #padded: boolean;

  constructor({ padded = false }: { padded?: boolean } = {}) {
    this.#padded = padded;
  }

  readonly onBatch: PerfBufferReaderOptions["onBatch"] = (batch, records) => {
    let count = 0;
    for (const record of frames(batch)) {
      const length = this.#padded ? record.byteLength : readU32(record, 16);
      const cpu = readU32(record, 20);
      this.records.push({
        number: Number(readU64(record)),
        key: Number(readU64(record, 8)),
        cpu,
        bytes: record.byteLength,
      });
      if (record.byteLength < length) throw new Error("a record of the wrong length");
      const end = Math.min(length, readU32(record, 16));
      if (Buffer.compare(record.subarray(HEAD_BYTES, end), pattern.subarray(HEAD_BYTES, end)) !== 0)
        throw new Error("torn");
      count++;
    }
    if (count !== records) throw new Error(`${count} frames, ${records} announced`);
    this.batches.push(records);
  };

  get numbers(): number[] {
    return this.records.map(({ number }) => number);
  }

  get keys(): number[] {
    return this.records.map(({ key }) => key);
  }

  expectFirst(count: number): void {
    expect(this.numbers).toEqual(Array.from({ length: count }, (_, index) => index));
  }
}

export function caught(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
