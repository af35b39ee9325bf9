/**
 * The specialised encoders against protobuf-es, and the whole way over TLS, all in one run: only the ratios mean something.
 *
 *   node --conditions=@tcptracker/source packages/grpc-exporter/bench/encode.ts [--rounds 5]
 */
import { parseArgs } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { RecordCursor } from "@tcptracker/events";
import { BatchSchema } from "@tcptracker/proto";
import { ByteWriter } from "../src/encode/byte-writer.ts";
import { FieldsEncoder } from "../src/encode/encode-fields.ts";
import { encodeRecord } from "../src/encode/encode-record.ts";
import { bytesTag } from "../src/encode/tags.ts";
import { toProto } from "../src/encode/to-proto.ts";
import { EPOCH, kernelBatch, objectsOf } from "./ring.ts";
import { compareSending } from "./send.ts";

const BATCH = 512;
const RECORDS = bytesTag(3);
const rounds = Number(parseArgs({ options: { rounds: { type: "string", default: "5" } } }).values.rounds);

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
  const batch = kernelBatch(payload, BATCH);
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

console.log(`per record in batches of ${BATCH}, median of ${rounds} rounds`);
for (const payload of [0, 256, 4096]) encoders(payload);
await compareSending(rounds);
