/** The specialised encoders against protobuf-es: the same bytes for the same record. */
import { readdirSync, readFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DIRECTION,
  EXPORT_GAP_CAUSE,
  GAP_CAUSE,
  JOINED,
  NETWORK,
  RecordCursor,
  ROLE,
  SHUTDOWN,
  SYSCALL,
  toRecord,
} from "@tcptracker/events";
import * as proto from "@tcptracker/proto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bigVarintSize, ByteWriter, varintSize } from "../src/encode/byte-writer.ts";
import { FieldsEncoder } from "../src/encode/encode-fields.ts";
import { encodeRecord } from "../src/encode/encode-record.ts";
import { fromProto } from "../src/encode/from-proto.ts";
import { bytesTag } from "../src/encode/tags.ts";
import { toProto } from "../src/encode/to-proto.ts";
import { anyRecord } from "./arbitraries.ts";

const RECORDS = bytesTag(3);
const FIXTURES = new URL("../../events/fixtures/", import.meta.url);
const EPOCH = 1_795_360_680_123_456_789n;

test.each([
  ["Direction", proto.Direction, DIRECTION],
  ["Role", proto.Role, ROLE],
  ["Joined", proto.Joined, JOINED],
  ["Network", proto.Network, NETWORK],
  ["Shutdown", proto.Shutdown, SHUTDOWN],
  ["Syscall", proto.Syscall, SYSCALL],
  ["GapCause", proto.GapCause, { ...GAP_CAUSE, ...EXPORT_GAP_CAUSE }],
])("every value of %s in record.proto is the record's, and the other way round", (_, theirs, ours) => {
  const upper = Object.fromEntries(Object.entries(ours).map(([name, value]) => [name.toUpperCase(), value]));
  expect(theirs).toEqual({ UNSPECIFIED: 0, ...upper });
});

describe("records as objects", () => {
  test("the bytes are those of protobuf-es, and give the record back", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 5 }), (records) => {
        const writer = new ByteWriter(16);
        for (const record of records) encodeRecord(writer, RECORDS, record);
        const bytes = writer.bytes.slice(0, writer.at);
        const batch = create(proto.BatchSchema, { records: records.map(toProto) });
        expect(Buffer.compare(bytes, toBinary(proto.BatchSchema, batch))).toBe(0);
        expect(fromBinary(proto.BatchSchema, bytes).records.map(fromProto)).toEqual(records);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("records of the kernel", () => {
  const names = readdirSync(FIXTURES).filter((name) => name.endsWith(".bin"));

  /** Encodes every record of the batch both ways; how many there were. */
  function compare(batch: Uint8Array): number {
    const cursor = new RecordCursor({ onError: () => undefined });
    const encoder = new FieldsEncoder(EPOCH);
    const clock = { toEpoch: (monotonic: bigint) => BigInt.asUintN(64, monotonic + EPOCH) };
    const [direct, generic] = [new ByteWriter(16), new ByteWriter(16)];
    let records = 0;
    cursor.reset(batch);
    for (; cursor.next(); records++) {
      [direct.at, generic.at] = [0, 0];
      encoder.encode(direct, RECORDS, cursor);
      const record = toRecord(cursor, clock);
      encodeRecord(generic, RECORDS, record);
      const bytes = direct.bytes.subarray(0, direct.at);
      if (Buffer.compare(bytes, generic.bytes.subarray(0, generic.at)) !== 0)
        throw new Error(`not the same bytes: ${Buffer.from(cursor.bytes).toString("hex")}`);
      const [message] = fromBinary(proto.BatchSchema, bytes).records;
      expect(message && fromProto(message)).toEqual(record);
    }
    return records;
  }

  test.each(names)("%s: straight from the ring is the same as by way of objects", (name) => {
    expect(compare(Uint8Array.from(readFileSync(new URL(name, FIXTURES))))).toBeGreaterThan(5);
  });

  test("and so are mutated ones", { timeout: 120_000 }, () => {
    const batches = names.map((name) => Uint8Array.from(readFileSync(new URL(name, FIXTURES))));
    let records = 0;
    const position = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(fc.constantFrom(...batches), fc.array(position, { maxLength: 200 }), (batch, changes) => {
        const mutated = batch.slice();
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        records += compare(mutated);
      }),
      { numRuns: 150 },
    );
    expect(records).toBeGreaterThan(1000);
  });
});

test("sizes of varints", () => {
  for (let bits = 0; bits < 64; bits++)
    for (const value of [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits)]) {
      const writer = new ByteWriter();
      writer.bigVarint(value);
      expect([value, bigVarintSize(value)]).toEqual([value, writer.at]);
      if (value > Number.MAX_SAFE_INTEGER) continue;
      expect([value, varintSize(Number(value))]).toEqual([value, writer.at]);
    }
});
