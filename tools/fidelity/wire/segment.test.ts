import { expect, test } from "vitest";
import { FIELDS, parseSegment } from "./segment.ts";

function line(values: Partial<Record<(typeof FIELDS)[number], string>>): string {
  const usual = {
    "tcp.stream": "3",
    "ip.src": "127.0.0.1",
    "tcp.srcport": "41060",
    "ip.dst": "127.0.0.1",
    "tcp.dstport": "80",
    "tcp.seq_raw": "4294967295",
    "tcp.ack_raw": "7",
    "tcp.flags": "0x0018",
    "tcp.len": "2",
    "tcp.payload": "00ff",
  };
  const all: Partial<Record<(typeof FIELDS)[number], string>> = { ...usual, ...values };
  return FIELDS.map((field) => all[field] ?? "").join("\t");
}

test("a line of tshark is a segment", () => {
  expect(parseSegment(line({}))).toEqual({
    stream: 3,
    source: { address: "127.0.0.1", port: 41060 },
    destination: { address: "127.0.0.1", port: 80 },
    sequence: 4294967295,
    acknowledgment: 7,
    syn: false,
    ack: true,
    fin: false,
    reset: false,
    payload: Buffer.from([0, 255]),
  });
});

test("IPv6 addresses are in fields of their own", () => {
  const segment = parseSegment(
    line({ "ip.src": "", "ip.dst": "", "ipv6.src": "::1", "ipv6.dst": "fe80::2" }),
  );
  expect(segment.source.address).toBe("::1");
  expect(segment.destination.address).toBe("fe80::2");
});

test.each([
  ["0x0002", { syn: true, ack: false, fin: false, reset: false }],
  ["0x0012", { syn: true, ack: true, fin: false, reset: false }],
  ["0x0011", { syn: false, ack: true, fin: true, reset: false }],
  ["0x0004", { syn: false, ack: false, fin: false, reset: true }],
  // ECN: flags that mean nothing here.
  ["0x00c2", { syn: true, ack: false, fin: false, reset: false }],
])("flags %s", (flags, expected) => {
  expect(parseSegment(line({ "tcp.flags": flags }))).toMatchObject(expected);
});

test("an empty segment has an empty payload", () => {
  expect(parseSegment(line({ "tcp.len": "0", "tcp.payload": "" })).payload).toHaveLength(0);
});

test.each([
  ["a payload that was cut", line({ "tcp.len": "3" }), "2 bytes of a segment of 3"],
  ["a payload that is no hexadecimal", line({ "tcp.payload": "00zz" }), "1 bytes of a segment of 2"],
  ["a number that is missing", line({ "tcp.seq_raw": "" }), "tcp.seq_raw is ''"],
  ["another line", "Running as user root", "1 fields instead of 12"],
])("%s is refused", (_, text, message) => {
  expect(() => parseSegment(text)).toThrow(message);
});
