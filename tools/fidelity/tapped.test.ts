import { fromJson, type TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import { TappedEnds } from "./tapped.ts";

function record(type: string, more: object): TapRecord {
  const common = {
    type,
    time: "2026-11-22T15:18:00.000000000Z",
    connection: { id: "8f3c000000000001", role: "client", joined: "start" },
    local: { address: "::1", port: 40000 },
    remote: { address: "::1", port: 8080 },
    network: { type: "ipv6", transport: "tcp" },
    process: { pid: 1, tid: 1, uid: 0, name: "curl" },
  };
  return fromJson(JSON.stringify({ ...common, ...more }));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function sent(offset: number, text: string): TapRecord {
  const payload = Buffer.from(text).toString("base64");
  return record("data", { direction: "egress", offset: String(offset), size: text.length, payload });
}

function close(egress: number): TapRecord {
  const moved = { egress: { bytes: egress }, ingress: { bytes: 0 } };
  return record("close", { ...moved, duration: 1, tcp: { retransmits: 0 } });
}

test("the pieces of an end are in order, whatever the order of the records", () => {
  const ends = new TappedEnds([8080]);
  const missing = record("gap", { direction: "egress", offset: "5", size: 2, cause: "snaplen" });
  for (const each of [sent(7, "de"), sent(0, "abc"), missing, sent(3, "xy"), close(9)]) ends.add(each);
  expect(ends.finish()).toMatchObject([
    {
      process: "curl[1]",
      closed: true,
      egress: [
        { offset: 0, bytes: bytes("abc") },
        { offset: 3, bytes: bytes("xy") },
        { offset: 5, size: 2, cause: "snaplen" },
        { offset: 7, bytes: bytes("de") },
      ],
      ingress: [],
    },
  ]);
  expect(ends.repeatedBytes).toBe(0);
});

test("what no record has is missing, also at the end", () => {
  const ends = new TappedEnds([8080]);
  for (const each of [sent(2, "c"), close(5)]) ends.add(each);
  expect(ends.finish()[0]?.egress).toMatchObject([
    { offset: 0, size: 2, cause: "missing" },
    { offset: 2 },
    { offset: 3, size: 2, cause: "missing" },
  ]);
});

test("bytes that come again are counted", () => {
  const ends = new TappedEnds([8080]);
  for (const each of [sent(0, "abc"), sent(1, "bc")]) ends.add(each);
  expect(ends.finish()).toMatchObject([{ closed: false }]);
  expect(ends.repeatedBytes).toBe(2);
});

test("a port is a port at either end, and other ports are not ours", () => {
  const other = new TappedEnds([80]);
  other.add(sent(0, "abc"));
  expect(other.finish()).toEqual([]);
  const client = new TappedEnds([40000]);
  client.add(sent(0, "abc"));
  expect(client.finish()).toHaveLength(1);
});
