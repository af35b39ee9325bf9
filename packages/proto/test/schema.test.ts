import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  BatchSchema,
  DataSchema,
  Direction,
  ExportRequestSchema,
  GapCause,
  RecordSchema,
} from "../src/index.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

describe("what a later version adds", () => {
  /** A data record with a field in it, a value of an enum, and a field beside it that this version does not know. */
  function fromTheFuture(): Uint8Array {
    const data = new BinaryWriter()
      .tag(1, WireType.Varint)
      .int32(77)
      .tag(900, WireType.LengthDelimited)
      .string("inside");
    return new BinaryWriter()
      .tag(17, WireType.LengthDelimited)
      .bytes(data.finish())
      .tag(901, WireType.LengthDelimited)
      .string("beside")
      .finish();
  }

  test("survives being read and written, at every level", () => {
    const record = fromBinary(RecordSchema, fromTheFuture());
    expect(record.event.case).toBe("data");
    const batch = toBinary(BatchSchema, create(BatchSchema, { sequence: 1n, records: [record] }));
    const [again] = fromBinary(BatchSchema, batch).records;
    expect(again?.event.value).toMatchObject({ direction: 77, $unknown: [{ no: 900 }] });
    expect(again?.$unknown).toMatchObject([{ no: 901 }]);
    expect(Buffer.from(batch).includes("inside") && Buffer.from(batch).includes("beside")).toBe(true);
  });

  test("an unknown kind of message leaves the oneof empty", () => {
    const bytes = new BinaryWriter().tag(9, WireType.LengthDelimited).string("later").finish();
    const request = fromBinary(ExportRequestSchema, bytes);
    expect(request.message).toEqual({ case: undefined });
    expect(toBinary(ExportRequestSchema, request)).toEqual(bytes);
  });
});

test("causes of the agent are apart from those of the kernel", () => {
  expect([GapCause.QUEUE_FULL, GapCause.SPOOL_FULL, GapCause.SPOOL_DAMAGED, GapCause.REJECTED]).toEqual([
    100, 101, 102, 103,
  ]);
  expect(create(DataSchema).direction).toBe(Direction.UNSPECIFIED);
});

describe("a change that breaks readers is refused:", () => {
  let copy = "";
  beforeEach(() => {
    copy = mkdtempSync(path.join(tmpdir(), "tcptracker-schema-"));
    cpSync(path.join(ROOT, "buf.yaml"), path.join(copy, "buf.yaml"));
    cpSync(path.join(ROOT, "packages/proto/proto"), path.join(copy, "packages/proto/proto"), {
      recursive: true,
    });
  });
  afterEach(() => {
    rmSync(copy, { recursive: true });
  });

  function breaking(): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(
      path.join(ROOT, "node_modules/.bin/buf"),
      ["breaking", "--against", path.join(ROOT, "packages/proto/baseline.json")],
      { cwd: copy, encoding: "utf8" },
    );
    return { status, output: stdout + stderr };
  }

  test("none is none", () => {
    expect(breaking()).toEqual({ status: 0, output: "" });
  });

  test.each([
    ["another number", "bytes payload = 4;", "bytes payload = 14;"],
    ["another type", "bytes payload = 4;", "string payload = 4;"],
    ["another value", "ROLE_SERVER = 2;", "ROLE_SERVER = 3;"],
  ])("%s", (_, before, after) => {
    const file = path.join(copy, "packages/proto/proto/tcptracker/v1/record.proto");
    const schema = readFileSync(file, "utf8");
    expect(schema).toContain(before);
    writeFileSync(file, schema.replace(before, after));
    const { status, output } = breaking();
    expect(status).not.toBe(0);
    expect(output).toContain("record.proto");
  });
});
