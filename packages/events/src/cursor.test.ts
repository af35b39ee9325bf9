import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildBatch, buildRecord, text, writeFields } from "../test/build-record.ts";
import { RecordCursor } from "./cursor.ts";
import { DecodeError } from "./errors.ts";

const MAX_U64 = 2n ** 64n - 1n;

function cursorOver(...records: readonly Uint8Array[]): RecordCursor {
  const cursor = new RecordCursor();
  cursor.reset(buildBatch(records));
  return cursor;
}

function errorOf(run: () => unknown): DecodeError {
  try {
    run();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
  throw new Error("no error");
}

describe("RecordCursor", () => {
  test("reads a data record in place", () => {
    const batch = buildBatch([buildRecord("data", { offset: 7, size: 9 }, text("GET /"))]);
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(cursor.next()).toBe(true);
    expect(cursor.type).toBe("data");
    expect(cursor.direction).toBe("egress");
    expect(cursor.role).toBe("client");
    expect(cursor.joined).toBe("start");
    expect(cursor.network).toBe("ipv4");
    expect(cursor.syscall).toBe("sendto");
    expect(cursor.connectionId).toBe("1122334455667788");
    expect(cursor.connection).toBe(0x1122334455667788n);
    expect([cursor.connectionHigh, cursor.connectionLow]).toEqual([0x11223344, 0x55667788]);
    expect([cursor.pid, cursor.tid, cursor.uid, cursor.cgroup]).toEqual([100, 101, 1000, 42n]);
    expect(cursor.processName).toBe("curl");
    expect([cursor.localAddress, cursor.localPort]).toEqual(["192.0.2.1", 40000]);
    expect([cursor.remoteAddress, cursor.remotePort]).toEqual(["198.51.100.2", 80]);
    expect([cursor.offset, cursor.offsetNumber, cursor.size, cursor.sizeNumber]).toEqual([7n, 7, 9n, 9]);
    expect(cursor.captured).toBe(5);
    expect(cursor.payload).toEqual(text("GET /"));
    expect(cursor.payload.buffer).toBe(batch.buffer);
    expect(cursor.cause).toBeUndefined();
    expect(cursor.duration).toBe(0n);
    expect(cursor.next()).toBe(false);
  });

  test("reads gap and close records, which have other fields", () => {
    const cursor = cursorOver(
      buildRecord("gap", { offset: 5, size: 6, cause: 2, direction: 2 }),
      buildRecord("close", {
        egress_bytes: 1,
        ingress_bytes: 2,
        smoothed_rtt: 3,
        retransmits: 4,
        shutdown: 3,
      }),
    );
    expect(cursor.next()).toBe(true);
    expect([cursor.type, cursor.direction, cursor.cause]).toEqual(["gap", "ingress", "ring_full"]);
    expect([cursor.offset, cursor.offsetNumber, cursor.size, cursor.sizeNumber]).toEqual([5n, 5, 6n, 6]);
    expect(cursor.payload).toHaveLength(0);
    expect(cursor.next()).toBe(true);
    expect([cursor.type, cursor.direction, cursor.offset, cursor.offsetNumber]).toEqual([
      "close",
      undefined,
      0n,
      0,
    ]);
    expect([cursor.egressBytes, cursor.ingressBytes, cursor.duration]).toEqual([1n, 2n, 1_000_000n]);
    expect([cursor.smoothedRtt, cursor.retransmits, cursor.shutdownBits]).toEqual([3n, 4, 3]);
    expect([cursor.size, cursor.sizeNumber, cursor.captured]).toEqual([0n, 0, 0]);
  });

  test("loses no bit of a 64-bit value", () => {
    const fields = {
      time: MAX_U64,
      connection: MAX_U64,
      cgroup: MAX_U64 - 1n,
      offset: MAX_U64 - 2n,
      size: MAX_U64,
    };
    const cursor = cursorOver(buildRecord("gap", fields));
    cursor.next();
    expect([cursor.time, cursor.connection, cursor.cgroup]).toEqual([MAX_U64, MAX_U64, MAX_U64 - 1n]);
    expect([cursor.offset, cursor.size]).toEqual([MAX_U64 - 2n, MAX_U64]);
    expect(cursor.connectionId).toBe("ffffffffffffffff");
    expect(cursor.timeNumber).toBe(2 ** 64);
  });

  test("finds records in frames that are longer, and in a Buffer at any position of its memory", () => {
    const records = [
      buildRecord("data", {}, text("abc")),
      buildRecord("open"),
      buildRecord("data", {}, text("d")),
    ];
    const batch = Buffer.concat([Buffer.from("xyz"), buildBatch(records, 21)]).subarray(3);
    const cursor = new RecordCursor();
    cursor.reset(batch);
    const seen: string[] = [];
    while (cursor.next())
      seen.push(cursor.type, Buffer.from(cursor.payload).toString(), `${cursor.bytes.length}`);
    expect(seen).toEqual(["data", "abc", "131", "open", "", "104", "data", "d", "129"]);
    expect(cursor.payload.constructor).toBe(Uint8Array);
  });

  test("sees a batch that was filled again in the same memory", () => {
    const memory = buildBatch([buildRecord("data", {}, text("one"))]);
    const cursor = new RecordCursor();
    cursor.reset(memory);
    cursor.next();
    memory.set(buildBatch([buildRecord("data", { name: text("nginx") }, text("two"))]));
    cursor.reset(memory);
    cursor.next();
    expect([cursor.processName, Buffer.from(cursor.payload).toString()]).toEqual(["nginx", "two"]);
  });

  test("tells what was remembered apart", () => {
    const names = Array.from({ length: 3000 }, (_, index) => `worker-${index}`);
    const cursor = cursorOver(
      ...names.map((name, index) => buildRecord("open", { name: text(name), connection: index, uid: index })),
    );
    for (const [index, name] of names.entries()) {
      expect(cursor.next()).toBe(true);
      expect([cursor.processName, cursor.connectionId]).toEqual([name, index.toString(16).padStart(16, "0")]);
    }
  });

  test("reads a process name of any bytes", () => {
    const sixteen = cursorOver(buildRecord("open", { name: text("abcdefghijklmnop") }));
    sixteen.next();
    expect(sixteen.processName).toBe("abcdefghijklmnop");
    const broken = cursorOver(buildRecord("open", { name: Uint8Array.from([0x61, 0xff, 0, 0x62]) }));
    broken.next();
    expect(broken.processName).toBe("a\ufffd");
  });

  test("reads nothing stale when there is no record", () => {
    const cursor = cursorOver(buildRecord("data", {}, text("abc")));
    expect(() => cursor.pid).toThrow(RangeError);
    expect(() => cursor.bytes).toThrow(RangeError);
    cursor.next();
    cursor.next();
    expect(() => cursor.type).toThrow(RangeError);
    expect(cursor.payload).toHaveLength(0);
  });
});

describe("a bad record", () => {
  const bad: [string, Uint8Array, string, string][] = [
    ["unknown type", buildRecord("open", { type: 9 }), "ERR_DECODE_TYPE", "type"],
    ["unknown role", buildRecord("open", { role: 0 }), "ERR_DECODE_ENUM", "role"],
    ["unknown joined", buildRecord("open", { joined: 3 }), "ERR_DECODE_ENUM", "joined"],
    ["unknown network", buildRecord("open", { network: 5 }), "ERR_DECODE_ENUM", "network"],
    ["unknown syscall", buildRecord("open", { syscall: 999 }), "ERR_DECODE_ENUM", "syscall"],
    ["unknown direction", buildRecord("open", { direction: 3 }), "ERR_DECODE_ENUM", "direction"],
    ["data without direction", buildRecord("data", { direction: 0 }), "ERR_DECODE_ENUM", "direction"],
    ["unknown cause", buildRecord("gap", { cause: 0 }), "ERR_DECODE_ENUM", "cause"],
    ["unknown shutdown bit", buildRecord("close", { shutdown: 4 }), "ERR_DECODE_ENUM", "shutdown"],
    ["length beyond the frame", buildRecord("open", { length: 112 }), "ERR_DECODE_LENGTH", "length"],
    ["length of nothing", buildRecord("open", { length: 0 }), "ERR_DECODE_LENGTH", "length"],
    ["data shorter than its structure", buildRecord("data", { length: 104 }), "ERR_DECODE_LENGTH", "length"],
    ["gap of a wrong length", buildRecord("gap", { length: 120 }), "ERR_DECODE_LENGTH", "length"],
    ["close of a wrong length", buildRecord("close", { length: 128 }), "ERR_DECODE_LENGTH", "length"],
    ["payload that is not there", buildRecord("data", { captured: 1 }), "ERR_DECODE_LENGTH", "captured"],
    ["more captured than moved", buildRecord("data", { size: 1 }, text("ab")), "ERR_DECODE_LENGTH", "size"],
    ["frame of a few bytes", new Uint8Array(3), "ERR_DECODE_LENGTH", "frame.length"],
    ["empty frame", new Uint8Array(0), "ERR_DECODE_LENGTH", "frame.length"],
  ];

  test.each(bad)("%s: says so and goes on behind it", (_, record, code, field) => {
    const cursor = cursorOver(record, buildRecord("open"));
    const error = errorOf(() => cursor.next());
    expect([error.code, error.field, error.resumable]).toEqual([code, field, true]);
    expect(error.message).toContain(code);
    expect(cursor.next()).toBe(true);
    expect(cursor.type).toBe("open");
    expect(cursor.next()).toBe(false);
  });

  test("has a position in the batch, the value and what was expected", () => {
    const cursor = cursorOver(buildRecord("open"), buildRecord("open", { role: 7 }));
    cursor.next();
    const error = errorOf(() => cursor.next());
    expect([error.position, error.actual, error.expected]).toEqual([
      112 + 8 + 6,
      "7",
      "1 (client) or 2 (server)",
    ]);
    expect(error.message).toBe("ERR_DECODE_ENUM: role at byte 126 is 7, expected 1 (client) or 2 (server)");
  });

  test("is handed to onError, and skipped", () => {
    const errors: string[] = [];
    const cursor = new RecordCursor({ onError: (error) => errors.push(error.code) });
    cursor.reset(
      buildBatch([buildRecord("open", { type: 0 }), buildRecord("gap"), buildRecord("gap", { cause: 99 })]),
    );
    expect([cursor.next(), cursor.type, cursor.next()]).toEqual([true, "gap", false]);
    expect(errors).toEqual(["ERR_DECODE_TYPE", "ERR_DECODE_ENUM"]);
  });
});

describe("a broken frame", () => {
  test("ends the batch", () => {
    const whole = buildBatch([buildRecord("open"), buildRecord("open")]);
    for (let length = 0; length < whole.length; length++) {
      const cursor = new RecordCursor();
      cursor.reset(whole.subarray(0, length));
      if (length >= 112) expect(cursor.next()).toBe(true);
      if (length % 112 === 0) {
        expect(cursor.next()).toBe(false);
        continue;
      }
      const error = errorOf(() => cursor.next());
      expect([error.code, error.resumable, error.position]).toEqual([
        "ERR_DECODE_TRUNCATED",
        false,
        length < 112 ? 0 : 112,
      ]);
      expect(cursor.next()).toBe(false);
    }
  });

  test("is noticed by its reserved word", () => {
    const batch = buildBatch([buildRecord("open"), buildRecord("open")]);
    batch[5] = 1;
    const cursor = new RecordCursor();
    cursor.reset(batch);
    const error = errorOf(() => cursor.next());
    expect([error.code, error.position, error.resumable]).toEqual(["ERR_DECODE_FRAME", 4, false]);
    expect(cursor.next()).toBe(false);
  });

  test("needs no padding behind the last record", () => {
    const batch = buildBatch([buildRecord("data", {}, text("abc"))]);
    const cursor = new RecordCursor();
    cursor.reset(batch.subarray(0, batch.length - 5));
    expect([cursor.next(), cursor.next()]).toEqual([true, false]);
  });
});

describe("any bytes", () => {
  /** Walks a batch to its end; every accessor has to answer. */
  function walk(batch: Uint8Array): void {
    const cursor = new RecordCursor({
      onError: (error) => {
        expect(error.position).toBeLessThanOrEqual(batch.length);
      },
    });
    cursor.reset(batch);
    let before = -1;
    while (cursor.next()) {
      expect(cursor.position).toBeGreaterThan(before);
      before = cursor.position;
      expect(cursor.bytes.length).toBeLessThanOrEqual(batch.length);
      expect(cursor.payload.length).toBe(cursor.captured);
      expect(cursor.localAddress + cursor.remoteAddress + cursor.processName).toBeTypeOf("string");
    }
  }

  test("give a record or a DecodeError", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 1024 }), walk), { numRuns: 2000 });
  });

  test("give a record or a DecodeError in sound frames", () => {
    const record = fc.record({ bytes: fc.uint8Array({ minLength: 100, maxLength: 300 }), type: fc.nat(5) });
    const law = fc.property(fc.array(record, { maxLength: 5 }), (records) => {
      for (const { bytes, type } of records) {
        new DataView(bytes.buffer).setUint32(0, bytes.length, true);
        writeFields(bytes, "open", { type, role: 1, joined: 1, network: 4, syscall: 1, direction: 1 });
      }
      walk(buildBatch(records.map(({ bytes }) => bytes)));
    });
    fc.assert(law, { numRuns: 2000 });
  });
});
