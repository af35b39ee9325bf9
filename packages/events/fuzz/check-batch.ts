/** What has to hold for a batch of any bytes. */
import { RecordCursor, StreamAssembler, fromJson, toJson, toRecord } from "../src/index.ts";

const MARGIN = 64;
const BOUNDS = { window: 8, maxBufferedBytes: 4096, maxConnections: 4 };
const clock = { toEpoch: (monotonic: bigint): bigint => monotonic };

/** Frames that were records, and frames that were not. */
export interface Outcome {
  readonly records: number;
  readonly errors: number;
}

/**
 * Decodes a batch to its end. Throws for whatever must not be: an error that is not a DecodeError, a read outside the
 * batch, a record that its JSON does not give back, an assembler beyond its bounds.
 */
export function checkBatch(batch: Uint8Array): Outcome {
  // The same bytes in other surroundings: what differs was read outside of them.
  const among0 = decode(surround(batch, 0x00));
  const among1 = decode(surround(batch, 0xff));
  const difference = among0.findIndex((line, index) => line !== among1[index]);
  if (difference !== -1 || among0.length !== among1.length) {
    throw new Error(`read outside of the batch: ${among0[difference] ?? ""} and ${among1[difference] ?? ""}`);
  }
  const errors = among0.filter((line) => line.startsWith("ERR_")).length;
  return { records: among0.length - errors, errors };
}

/** A line for each frame: the record as JSON, or the error. */
function decode(batch: Uint8Array): readonly string[] {
  const lines: string[] = [];
  const assembler = new StreamAssembler(BOUNDS);
  const cursor = new RecordCursor({ onError: (error) => lines.push(error.message) });
  cursor.reset(batch);
  let before = -1;
  while (cursor.next()) {
    if (cursor.position <= before) throw new Error(`no progress at byte ${String(before)}`);
    before = cursor.position;
    for (const part of [cursor.bytes, cursor.payload, cursor.localAddressBytes]) expectInside(part, batch);
    const record = toRecord(cursor, clock);
    const line = toJson(record);
    if (toJson(fromJson(line)) !== line) throw new Error(`not given back by its JSON: ${line}`);
    lines.push(line);
    assembler.push(record);
    const { bufferedBytes, connections } = assembler.stats;
    if (bufferedBytes > BOUNDS.maxBufferedBytes || connections > BOUNDS.maxConnections) {
      throw new Error(
        `the assembler holds ${String(bufferedBytes)} bytes of ${String(connections)} connections`,
      );
    }
  }
  assembler.flush();
  if (assembler.stats.bufferedBytes !== 0) throw new Error("the assembler holds bytes after a flush");
  return lines;
}

function surround(batch: Uint8Array, filler: number): Uint8Array {
  const memory = new Uint8Array(batch.length + 2 * MARGIN).fill(filler);
  memory.set(batch, MARGIN);
  return memory.subarray(MARGIN, MARGIN + batch.length);
}

function expectInside(part: Uint8Array, batch: Uint8Array): void {
  if (part.length === 0) return;
  const end = part.byteOffset + part.length;
  if (
    part.buffer !== batch.buffer ||
    part.byteOffset < batch.byteOffset ||
    end > batch.byteOffset + batch.length
  ) {
    throw new Error(`bytes ${String(part.byteOffset)} to ${String(end)} lie outside of the batch`);
  }
}
