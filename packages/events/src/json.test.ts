import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyRecord } from "../test/arbitraries.ts";
import { buildBatch, buildRecord, text } from "../test/build-record.ts";
import { RecordCursor } from "./cursor.ts";
import { toRecord } from "./decode.ts";
import { RecordJsonError } from "./errors.ts";
import { fromJson } from "./from-json.ts";
import { formatTime, toJson } from "./json.ts";
import type { TapRecord } from "./record.ts";

/** 2026-11-22T15:18:00Z at monotonic 0. */
const clock = { toEpoch: (monotonic: bigint) => monotonic + 1_795_360_680_000_000_000n };

function decode(record: Uint8Array): TapRecord {
  const cursor = new RecordCursor();
  cursor.reset(buildBatch([record], 8));
  cursor.next();
  return toRecord(cursor, clock);
}

const COMMON =
  '"time":"2026-11-22T15:18:01.000000000Z","connection":{"id":"1122334455667788","role":"client","joined":"start"},' +
  '"local":{"address":"192.0.2.1","port":40000},"remote":{"address":"198.51.100.2","port":80},' +
  '"network":{"type":"ipv4","transport":"tcp"},"process":{"pid":100,"tid":101,"name":"curl","uid":1000},' +
  '"cgroup":{"id":"42"}';

describe("toJson of a decoded record", () => {
  test.each([
    ["open", buildRecord("open"), `{"type":"open",${COMMON},"syscall":"connect"}`],
    [
      "data",
      buildRecord("data", { offset: 7, size: 9 }, text("GET /")),
      `{"type":"data",${COMMON},"syscall":"sendto","direction":"egress","offset":"7","size":9,"payload":"R0VUIC8="}`,
    ],
    [
      "data of which nothing was captured",
      buildRecord("data", { size: 9 }),
      `{"type":"data",${COMMON},"syscall":"sendto","direction":"egress","offset":"0","size":9}`,
    ],
    [
      "gap",
      buildRecord("gap", { direction: 2, offset: 2n ** 63n, size: 2n ** 53n + 1n, cause: 4 }),
      `{"type":"gap",${COMMON},"direction":"ingress","offset":"9223372036854775808","size":9007199254740993,"cause":"sendfile"}`,
    ],
    [
      "close",
      buildRecord("close", {
        egress_bytes: 1,
        ingress_bytes: 2,
        smoothed_rtt: 45,
        retransmits: 3,
        shutdown: 2,
      }),
      `{"type":"close",${COMMON},"egress":{"bytes":1},"ingress":{"bytes":2},"duration":1000000,` +
        `"tcp":{"smoothedRtt":45,"retransmits":3},"shutdown":["write"]}`,
    ],
    [
      "close of which little is known",
      buildRecord("close", { name: new Uint8Array(16), cgroup: 0, network: 6 }),
      `{"type":"close",${COMMON.replace(',"name":"curl"', "")
        .replace(',"cgroup":{"id":"42"}', "")
        .replace('"192.', '"::ffff:192.')
        .replace('"198.', '"::ffff:198.')
        .replace('"ipv4"', '"ipv6"')},` +
        `"egress":{"bytes":0},"ingress":{"bytes":0},"duration":1000000,"tcp":{"retransmits":0}}`,
    ],
  ])("%s", (_, bytes, expected) => {
    const record = decode(bytes);
    expect(toJson(record)).toBe(expected);
    expect(fromJson(expected)).toEqual(record);
  });

  test("keeps a payload of its own", () => {
    const batch = buildBatch([buildRecord("data", {}, text("abc"))]);
    const cursor = new RecordCursor();
    cursor.reset(batch);
    cursor.next();
    const record = toRecord(cursor, clock);
    batch.fill(0);
    expect(record).toMatchObject({ payload: text("abc"), process: { name: "curl" } });
  });

  test("escapes what a process may call itself", () => {
    const record = decode(buildRecord("open", { name: text('a"\\\n\u0001é') }));
    expect(toJson(record)).not.toContain("\n");
    expect(fromJson(toJson(record))).toEqual(record);
  });
});

describe("any record", () => {
  test("comes back from its JSON unchanged", () => {
    const law = fc.property(anyRecord, (record) => {
      expect(fromJson(toJson(record))).toEqual(record);
    });
    fc.assert(law, { numRuns: 1000 });
  });

  test("is one line of JSON without nulls or empty texts", () => {
    const law = fc.property(anyRecord, (record) => {
      const line = toJson(record);
      // A label may have an empty value, and be looked for by its key.
      const { labels } = record.pod ?? {};
      const rest = labels === undefined ? line : line.replace(JSON.stringify(labels), () => "{}");
      expect(rest).not.toMatch(/\n|:null|:""/);
      expect(JSON.parse(line)).toMatchObject({ type: record.type });
    });
    fc.assert(law);
  });
});

describe("fromJson", () => {
  const line = `{"type":"data",${COMMON},"syscall":"sendto","direction":"egress","offset":"7","size":9,"payload":"R0VUIC8="}`;

  test.each([
    ["", "no JSON"],
    ["", "[]"],
    ["", "null"],
    ["", "7"],
    ["type", line.replace('"data"', '"toString"')],
    ["time", line.replace("000000000Z", "000Z")],
    ["time", line.replace("2026-11-22T", "2026-13-22T")],
    ["connection", line.replace('{"id":"1122334455667788","role":"client","joined":"start"}', "null")],
    ["connection.id", line.replace("1122334455667788", "XYZ")],
    ["local.address", line.replace("192.0.2.1", "192.0.2.256")],
    ["remote.port", line.replace('"port":80', '"port":65536')],
    ["network.transport", line.replace('"tcp"', '"udp"')],
    ["process.pid", line.replace('"pid":100', '"pid":-1')],
    ["process.tid", line.replace('"tid":101', '"tid":1e2')],
    ["process.name", line.replace('"curl"', '""')],
    ["cgroup.id", line.replace('"42"', "42")],
    ["offset", line.replace('"7"', '"07"')],
    ["offset", line.replace('"7"', '"18446744073709551616"')],
    ["size", line.replace('"size":9', '"size":"9"')],
    ["payload", line.replace("R0VUIC8=", "R0VUIC8")],
    ["payload", line.replace("R0VUIC8=", "")],
    ["syscall", line.replace('"sendto"', "null")],
    ["container.runtime", line.replace("{", '{"container":{"id":"a","runtime":"lxc"},')],
    ["pod.labels.app", line.replace("{", '{"pod":{"name":"a","namespace":"b","labels":{"app":1}},')],
    ["pod.owner.kind", line.replace("{", '{"pod":{"name":"a","namespace":"b","owner":{"name":"c"}},')],
  ])("names the member that is wrong: %s", (path, json) => {
    expect(() => fromJson(json)).toThrow(
      expect.objectContaining({ path, code: "ERR_RECORD_JSON" }) as RecordJsonError,
    );
  });

  test("gives a record or a RecordJsonError for any text", () => {
    const anyJson = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .tuple(fc.nat(line.length), fc.nat(20), fc.string({ maxLength: 5 }))
        .map(([at, cut, put]) => line.slice(0, at) + put + line.slice(at + cut)),
    );
    const law = fc.property(anyJson, (json) => {
      try {
        toJson(fromJson(json));
      } catch (error) {
        expect(error).toBeInstanceOf(RecordJsonError);
      }
    });
    fc.assert(law, { numRuns: 3000 });
  });

  test("ignores members it does not know", () => {
    expect(fromJson(line.replace("{", '{"later":{"a":[1]},'))).toEqual(fromJson(line));
  });
});

describe("formatTime", () => {
  test.each([
    [0n, "1970-01-01T00:00:00.000000000Z"],
    [1n, "1970-01-01T00:00:00.000000001Z"],
    [-1n, "1969-12-31T23:59:59.999999999Z"],
    [1_795_360_680_123_456_789n, "2026-11-22T15:18:00.123456789Z"],
    [253_402_300_799_999_999_999n, "9999-12-31T23:59:59.999999999Z"],
  ])("%s ns", (time, expected) => {
    expect(formatTime(time)).toBe(expected);
  });

  test("refuses years of five digits", () => {
    expect(() => formatTime(253_402_300_800_000_000_000n)).toThrow(RangeError);
    expect(() => formatTime(2n ** 80n)).toThrow(RangeError);
  });
});
