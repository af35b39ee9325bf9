import type { DataRecord, TapRecord } from "@tcptracker/events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closeRecord, dataRecord, gapRecord } from "../../test/support/records.ts";
import { Redactor, type RedactorOptions } from "./redactor.ts";
import { mergeRanges } from "./ranges.ts";

const MESSAGE =
  "GET /?Cookie:1 HTTP/1.1\r\nHost: a\r\nauthorization:  Bearer abc.def\r\nX-Cookie: kept\r\n" +
  "COOKIE: a=1;\r\n\tb=2\r\nX-API-Key : k\r\nset-cookie:\r\nAccept: */*\r\n\r\nbody Cookie: x\nCookie: y\r\nend";
const REDACTED =
  "GET /?Cookie:1 HTTP/1.1\r\nHost: a\r\nauthorization:  **************\r\nX-Cookie: kept\r\n" +
  "COOKIE: ****\r\n****\r\nX-API-Key : *\r\nset-cookie:\r\nAccept: */*\r\n\r\nbody Cookie: x\nCookie: *\r\nend";

/** The texts in consecutive records, as they come out. */
function redact(parts: readonly string[], options?: RedactorOptions): string[] {
  let offset = 0n;
  const records = parts.map((part): TapRecord => {
    const record = dataRecord(Buffer.from(part, "latin1"), { offset });
    offset += record.size;
    return record;
  });
  return textsOf(new Redactor(options).process(records));
}

function textsOf(records: readonly TapRecord[]): string[] {
  return records
    .filter((record) => record.type === "data")
    .map(({ payload }) => Buffer.from(payload ?? []).toString("latin1"));
}

describe("values of secret headers", () => {
  test("are replaced byte by byte, and nothing else is", () => {
    expect(redact([MESSAGE])).toEqual([REDACTED]);
  });

  test("wherever the message is split", () => {
    for (let at = 1; at < MESSAGE.length; at++) {
      const text = redact([MESSAGE.slice(0, at), MESSAGE.slice(at)]).join("");
      expect(text).toSatisfy(isRedaction);
    }
  });

  test("in any number of parts", () => {
    const cuts = fc.array(fc.nat(MESSAGE.length), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (positions) => {
        const at = [0, ...positions.toSorted((a, b) => a - b), MESSAGE.length];
        const parts = at.slice(1).map((end, index) => MESSAGE.slice(at[index], end));
        expect(redact(parts.filter((part) => part !== "")).join("")).toSatisfy(isRedaction);
      }),
    );
  });

  /** The redacted message, give or take blanks at the beginning of values. */
  function isRedaction(text: string): boolean {
    return (
      text.length === REDACTED.length &&
      Array.from(text).every((character, index) => {
        const expected = REDACTED[index];
        if (character === expected) return true;
        return character === "*" && (expected === " " || expected === "\t");
      })
    );
  }

  test("are marked in the record, whose offsets stay", () => {
    const [record] = new Redactor().process([
      dataRecord("GET / HTTP/1.1\r\nCookie: abc\r\nCookie: d\r\n\r\n", { offset: 7n }),
    ]);
    expect(record).toMatchObject({
      offset: 7n,
      size: 42n,
      redacted: [
        { offset: 24, size: 3 },
        { offset: 37, size: 1 },
      ],
    });
  });

  test("of each direction of each connection are a stream of their own", () => {
    const redactor = new Redactor();
    const part = (id: string, direction: DataRecord["direction"], text: string, offset: bigint): DataRecord =>
      dataRecord(text, { connection: { id, role: "client", joined: "start" }, direction, offset });
    const records = redactor.process([
      part("a".repeat(16), "egress", "Cookie: ab", 0n),
      part("b".repeat(16), "egress", "xyz", 0n),
      part("a".repeat(16), "ingress", "uvw", 0n),
      part("a".repeat(16), "egress", "cd\r\n", 10n),
    ]);
    expect(textsOf(records)).toEqual(["Cookie: **", "xyz", "uvw", "**\r\n"]);
    expect(redactor.redactedRecords).toBe(2);
  });

  test("may go on behind missing bytes, to the end of the line", () => {
    const head = "GET / HTTP/1.1\r\nHost: a\r\nAcc";
    const at = BigInt(head.length);
    const gap = gapRecord({ offset: at, size: 50n });
    const after = dataRecord("ret\r\nHost: b\r\n\r\n", { offset: at + 50n });
    expect(textsOf(new Redactor().process([dataRecord(head), gap, after]))[1]).toBe("***\r\nHost: b\r\n\r\n");
    // The same without a record of it.
    expect(textsOf(new Redactor().process([dataRecord(head), after]))[1]).toBe("***\r\nHost: b\r\n\r\n");
    // A body may have ended there, and headers begun.
    const body = "GET / HTTP/1.1\r\n\r\nbody";
    const rest = dataRecord("more\n", { offset: BigInt(body.length) + 50n });
    expect(textsOf(new Redactor().process([dataRecord(body), rest]))[1]).toBe("****\n");
  });

  test.each(["Cookie: a\r\n", "Host: a\r\n", "Ho", "\r\n"])(
    "may go on behind missing bytes after %j",
    (head) => {
      const after = dataRecord("cret\r\nHost: b\r\n", { offset: BigInt(head.length) + 9n });
      expect(textsOf(new Redactor().process([dataRecord(head), after]))[1]).toBe("****\r\nHost: b\r\n");
    },
  );

  test("are followed in both directions of as many connections as are asked for", () => {
    const part = (id: number, direction: DataRecord["direction"], text: string, offset: bigint): DataRecord =>
      dataRecord(text, {
        connection: { id: String(id).padStart(16, "0"), role: "client", joined: "start" },
        ...{ direction, offset },
      });
    const ends = [0, 1, 2].flatMap((id) => [[id, "egress"] as const, [id, "ingress"] as const]);
    const tails = (connections: number): (string | undefined)[] =>
      textsOf(
        new Redactor({ connections }).process([
          ...ends.map(([id, direction]) => part(id, direction, "Cookie: a", 0n)),
          ...ends.map(([id, direction]) => part(id, direction, "bc\r\n", 9n)),
        ]),
      ).slice(6);
    expect(tails(3)).toEqual(Array.from({ length: 6 }, () => "**\r\n"));
    expect(tails(1)).toContain("bc\r\n");
  });

  test("end with their connection", () => {
    const records = [dataRecord("Cookie: ab"), closeRecord(), dataRecord("cd")];
    expect(textsOf(new Redactor().process(records))).toEqual(["Cookie: **", "cd"]);
  });
});

test("records without secrets stay the very same objects", () => {
  const records = [dataRecord("GET / HTTP/1.1\r\n\r\n"), closeRecord(), dataRecord("", { size: 9n })];
  expect(new Redactor().process(records)).toEqual(records);
  expect(new Redactor().process(records).every((record, index) => record === records[index])).toBe(true);
});

test("other headers, and none", () => {
  expect(redact(["X-Secret: a\r\nCookie: b\r\n"], { headers: ["x-SECRET"] })).toEqual([
    "X-Secret: *\r\nCookie: b\r\n",
  ]);
  expect(redact([MESSAGE], { headers: [] })).toEqual([MESSAGE]);
});

test("patterns match bytes, together with headers", () => {
  const text = "Cookie: 4111-1111\r\ncard \xff4111-2222 4111-3333\r\n";
  expect(redact([text], { patterns: [/4111-\d{4}/, /\xff/] })).toEqual([
    "Cookie: *********\r\ncard ********** *********\r\n",
  ]);
  expect(redact(["abc"], { patterns: [/x*/] })).toEqual(["abc"]);
});

test("ranges that touch are one", () => {
  const ranges = [
    { offset: 5, size: 2 },
    { offset: 0, size: 2 },
    { offset: 7, size: 1 },
    { offset: 1, size: 3 },
  ];
  expect(mergeRanges(ranges)).toEqual([
    { offset: 0, size: 4 },
    { offset: 5, size: 3 },
  ]);
});

test("any bytes, in any order: only what is marked is changed", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom("Cookie: a", "\r\n", "\n", ": ", "HTTP/1.1 200\r\n", "authorization", " ")
      .map((text) => Buffer.from(text)),
  );
  const payload = fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.concat(pieces));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(payload, fc.bigInt({ min: 0n, max: 200n })), { maxLength: 12 }),
      (parts) => {
        const records = parts.map(([bytes, offset]) => dataRecord(bytes, { offset }));
        for (const [index, record] of new Redactor().process(records).entries()) {
          if (record.type !== "data" || record.payload === undefined) throw new Error("not a data record");
          const before = Buffer.from(records[index]?.payload ?? []);
          for (const { offset, size } of record.redacted ?? []) before.fill("*", offset, offset + size);
          expect(Buffer.from(record.payload).equals(before)).toBe(true);
        }
      },
    ),
  );
});
