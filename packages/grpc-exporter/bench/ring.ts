/** What the benchmarks export: records as the kernel writes them. */
import { LAYOUT, RECORD_TYPE, RecordCursor, toRecord, type TapRecord } from "@tcptracker/events";

/** Nanoseconds to add to the kernel's clock. */
export const EPOCH = 1_795_360_680_123_456_789n;

const clock = { toEpoch: (monotonic: bigint): bigint => monotonic + EPOCH };
const cursor = new RecordCursor();

/** A batch as the ring gives it: `count` data records of one connection, with `payload` bytes each. */
export function kernelBatch(payload: number, count: number): Uint8Array {
  const { fields } = LAYOUT.tt_record;
  const size = LAYOUT.tt_data.size + payload;
  const frame = 8 + Math.ceil(size / 8) * 8;
  const batch = Buffer.alloc(frame * count);
  for (let index = 0; index < count; index++) {
    const at = index * frame + 8;
    batch.writeUInt32LE(size, at - 8);
    batch.writeUInt32LE(size, at + fields.length.offset);
    for (const field of [fields.direction, fields.role, fields.joined]) batch[at + field.offset] = 1;
    batch[at + fields.type.offset] = RECORD_TYPE.data;
    batch[at + fields.network.offset] = 4;
    batch.writeUInt16LE(8, at + fields.syscall.offset);
    batch.writeBigUInt64LE(123_456_789_012_345n + BigInt(index), at + fields.time.offset);
    batch.writeBigUInt64LE(0x1122334455667788n, at + fields.connection.offset);
    batch.writeBigUInt64LE(4026531835n, at + fields.cgroup.offset);
    for (const field of [fields.pid, fields.tid]) batch.writeUInt32LE(25914, at + field.offset);
    batch.write("curl", at + fields.name.offset);
    for (const field of [fields.local_address, fields.remote_address])
      batch.set([0xff, 0xff, 127, 0, 0, 1], at + field.offset + 10);
    batch.writeUInt16LE(44614, at + fields.local_port.offset);
    batch.writeUInt16LE(18080, at + fields.remote_port.offset);
    batch.writeBigUInt64LE(BigInt(index * payload), at + LAYOUT.tt_data.fields.offset.offset);
    batch.writeBigUInt64LE(BigInt(payload), at + LAYOUT.tt_data.fields.size.offset);
    batch.writeUInt32LE(payload, at + LAYOUT.tt_data.fields.captured.offset);
    batch.fill("GET /hello HTTP/1.1\r\n", at + LAYOUT.tt_data.size, at + LAYOUT.tt_data.size + payload);
  }
  return Uint8Array.from(batch);
}

/** Its records as objects, which is what the stages of a tap look at. */
export function objectsOf(batch: Uint8Array): TapRecord[] {
  const records: TapRecord[] = [];
  cursor.reset(batch);
  while (cursor.next()) records.push(toRecord(cursor, clock));
  return records;
}
