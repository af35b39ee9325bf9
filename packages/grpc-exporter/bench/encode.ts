/**
 * The specialised encoders against protobuf-es, and the whole way over TLS, all in one run: only the ratios mean something.
 *
 *   node --conditions=@tcptracker/source packages/grpc-exporter/bench/encode.ts [--rounds 5]
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { LAYOUT, RECORD_TYPE, RecordCursor, toRecord, type TapRecord } from "@tcptracker/events";
import { BatchSchema } from "@tcptracker/proto";
import { GrpcCollector } from "../src/collector/collector.ts";
import { ByteWriter } from "../src/encode/byte-writer.ts";
import { FieldsEncoder } from "../src/encode/encode-fields.ts";
import { encodeRecord } from "../src/encode/encode-record.ts";
import { bytesTag } from "../src/encode/tags.ts";
import { toProto } from "../src/encode/to-proto.ts";
import { GrpcExporter } from "../src/exporter.ts";
import { readResource } from "../src/resource.ts";
import { makePki } from "../test/support/pki.ts";

const BATCH = 512;
const RECORDS = bytesTag(3);
const EPOCH = 1_795_360_680_123_456_789n;
const clock = { toEpoch: (monotonic: bigint): bigint => monotonic + EPOCH };
const rounds = Number(parseArgs({ options: { rounds: { type: "string", default: "5" } } }).values.rounds);

/** A batch of the kernel's: data records of one connection. */
function kernelBatch(payload: number): Uint8Array {
  const { fields } = LAYOUT.tt_record;
  const size = LAYOUT.tt_data.size + payload;
  const frame = 8 + Math.ceil(size / 8) * 8;
  const batch = Buffer.alloc(frame * BATCH);
  for (let index = 0; index < BATCH; index++) {
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

function objectsOf(batch: Uint8Array): TapRecord[] {
  const cursor = new RecordCursor();
  const records: TapRecord[] = [];
  cursor.reset(batch);
  while (cursor.next()) records.push(toRecord(cursor, clock));
  return records;
}

/** Nanoseconds per record: the median of the rounds. */
function measure(run: () => void): number {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const began = performance.now();
    let batches = 0;
    for (; performance.now() - began < 300; batches++) run();
    // The first one warms up.
    if (round > 0) times.push(((performance.now() - began) * 1e6) / (batches * BATCH));
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

function encoders(payload: number): void {
  const batch = kernelBatch(payload);
  const records = objectsOf(batch);
  const cursor = new RecordCursor();
  const encoder = new FieldsEncoder(EPOCH);
  const writer = new ByteWriter(batch.length);
  const straight = measure(() => {
    writer.at = 0;
    cursor.reset(batch);
    while (cursor.next()) encoder.encode(writer, RECORDS, cursor);
  });
  const objects = measure(() => {
    writer.at = 0;
    for (const record of records) encodeRecord(writer, RECORDS, record);
  });
  const generic = measure(() =>
    toBinary(BatchSchema, create(BatchSchema, { records: records.map(toProto) })),
  );
  const messages = records.map(toProto);
  const prepared = create(BatchSchema, { records: messages });
  const genericOnly = measure(() => toBinary(BatchSchema, prepared));
  const row = [straight, objects, genericOnly, generic].map((ns) => `${ns.toFixed(0).padStart(7)} ns`);
  console.log(
    `${String(payload).padStart(5)} B  ring ${row[0] ?? ""}  objects ${row[1] ?? ""}  ` +
      `protobuf-es ${row[2] ?? ""} (its messages made before), ${row[3] ?? ""} (made of objects)  ` +
      `ratios ${(genericOnly / straight).toFixed(1)}, ${(genericOnly / objects).toFixed(1)}`,
  );
}

/** Records a second from ring bytes to the acknowledgement, over TLS in one process. */
async function overTls(payload: number, seconds: number): Promise<void> {
  const pki = makePki();
  const file = (name: string): string => join(pki, name);
  const batch = kernelBatch(payload);
  let received = 0;
  const collector = await GrpcCollector.start({
    listen: { host: "127.0.0.1", port: 0 },
    tls: { cert: file("server.pem"), key: file("server-key.pem") },
    sink: {
      write: ({ records }) => {
        received += records.length;
        return Promise.resolve();
      },
    },
  });
  const exporter = await GrpcExporter.start({
    target: collector.address,
    resource: readResource("bench"),
    tls: { ca: file("ca.pem") },
  });
  const began = performance.now();
  while (performance.now() - began < seconds * 1000) {
    await exporter.writeRaw(batch, EPOCH);
    // What is lost to a full queue is not throughput: wait for the collector.
    while (exporter.statistics().waitingBatches > 64) await new Promise(setImmediate);
  }
  await exporter.close();
  const rate = received / ((performance.now() - began) / 1000);
  console.log(
    `${String(payload).padStart(5)} B  over TLS, both ends and decoding in this process: ` +
      `${(rate / 1000).toFixed(0)}k records/s, ${((rate * payload) / 1e6).toFixed(0)} MB/s of payload`,
  );
  await collector.close();
  rmSync(pki, { recursive: true });
}

console.log(`per record in batches of ${BATCH}, median of ${rounds} rounds`);
for (const payload of [0, 256, 4096]) encoders(payload);
for (const payload of [0, 256, 4096]) await overTls(payload, 2);
