/** A RecordCursor is an input as it stands: it says what the record says that is made of it. */
import { LAYOUT, RecordCursor, toRecord } from "@tcptracker/events";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { compile, factsOf, interpret, RecordInput } from "../src/index.ts";
import type { FilterInput, KernelFacts } from "../src/index.ts";
import { anyExpression, SETS } from "./support/expressions.ts";
import { runs } from "./support/seed.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../events/fixtures");
const SNAPLEN = 262_144;
const CLOCK = { toEpoch: (monotonic: bigint) => monotonic };
const NAME = LAYOUT.tt_record.fields.name;

/** Fresh bytes each time: tests write into them. */
function batches(): Uint8Array[] {
  return ["synthetic.bin", "traffic.bin"].map((name) =>
    Uint8Array.from(readFileSync(path.join(FIXTURES, name))),
  );
}

/** Calls `visit` for up to `limit` records of each batch. */
function walk(limit: number, visit: (cursor: RecordCursor) => void): number {
  const cursor = new RecordCursor();
  let visited = 0;
  for (const batch of batches()) {
    cursor.reset(batch);
    for (let record = 0; record < limit && cursor.next(); record++, visited++) visit(cursor);
  }
  return visited;
}

test("recorded batches: cursor and record give the same", { timeout: 120_000 }, () => {
  let pairs = 0;
  const law = fc.property(anyExpression, (text) => {
    const { whole, maybe } = compile(text, { sets: SETS });
    pairs += walk(40, (cursor) => {
      const input: FilterInput = cursor;
      const record = new RecordInput(toRecord(cursor, CLOCK));
      expect(whole(input)).toBe(whole(record));
      expect(maybe(input)).toBe(maybe(record));
    });
  });
  fc.assert(law, runs("cursor and record", 150));
  expect(pairs).toBeGreaterThan(1000);
});

/** What the kernel has of the record: the name's bytes, whatever they are. */
function factsOfCursor(cursor: RecordCursor): KernelFacts {
  return { ...factsOf(cursor, SNAPLEN), name: cursor.bytes.subarray(NAME.offset, NAME.offset + NAME.size) };
}

/** Bytes that end in the middle of a character, begin in one, are none, or are the sign for that. */
const piece = fc.constantFrom(
  [0xe2],
  [0x82, 0xac],
  [0xff],
  [0xef, 0xbf, 0xbd],
  [0x61],
  [0xc3, 0xa9],
  [0xc3],
  [0xf0, 0x9f],
  [0],
);
const nameBytes = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.flat().slice(0, NAME.size));
const part = fc
  .array(fc.constantFrom("a", "é", "€", "\ufffd", "\u0000"), { maxLength: 4 })
  .map((all) => all.join(""));
const nameTest = fc
  .tuple(fc.constantFrom("==", "!=", ".startsWith", ".endsWith", ".contains", " in "), part, part)
  .map(([test, text, other]) => {
    const literal = JSON.stringify(text);
    if (test === " in ") return `process.name in [${literal}, ${JSON.stringify(other)}]`;
    return test.startsWith(".") ? `process.name${test}(${literal})` : `process.name ${test} ${literal}`;
  });

test("names that are not UTF-8: the kernel's bytes and the record's text give the same", () => {
  let [accepted, decided] = [0, 0];
  const law = fc.property(nameTest, nameBytes, (text, bytes) => {
    const { whole, kernel, residual } = compile(text);
    walk(1, (cursor) => {
      cursor.bytes.fill(0, NAME.offset, NAME.offset + NAME.size);
      cursor.bytes.set(bytes, NAME.offset);
      const passes = kernel === undefined || interpret(kernel, factsOfCursor(cursor));
      const both = passes && (residual === undefined || residual(cursor));
      expect(both).toBe(whole(cursor));
      if (both) accepted++;
      if (residual === undefined) decided++;
    });
  });
  fc.assert(law, runs("names", 5000));
  expect(accepted).toBeGreaterThan(500);
  expect(decided).toBeGreaterThan(500);
});
