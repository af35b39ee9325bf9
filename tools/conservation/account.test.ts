import { fromJson, type TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import { Accountant } from "./account.ts";
import type { Event, Journal } from "./journal.ts";
import { patternAt } from "./pattern.ts";

/** Of one connection: the client sends (stream 0), the server receives (1). */
const STREAMS = [
  { port: 1, end: "client", direction: "egress" },
  { port: 1, end: "server", direction: "ingress" },
] as const;

function journal(...events: readonly Event[]): Journal {
  return { server: 2, streams: STREAMS, events };
}

/** The client sends so many bytes, and the server receives them, at such a time. */
function moves(size: number, time = 0): Event[] {
  return [
    ["write", 0, size, time],
    ["written", 0, size, time],
    ["read", 1, size, time],
  ];
}

interface Given {
  readonly end?: "client" | "server";
  readonly id?: string;
  readonly joined?: "start" | "midstream";
  /** Where its first byte really is, when that is not its offset. */
  readonly at?: number;
  readonly gap?: string;
}

function record(offset: number, size: number, given: Given = {}): TapRecord {
  const { end = "client", joined = "start", at = offset, gap } = given;
  const ports = end === "client" ? [1, 2] : [2, 1];
  const id = given.id ?? (end === "client" ? "8f3c000000000001" : "8f3c000000000002");
  return fromJson(
    JSON.stringify({
      ...{ type: gap === undefined ? "data" : "gap", time: "2026-11-22T15:18:00.123456789Z" },
      ...{ network: { type: "ipv4", transport: "tcp" }, connection: { id, role: end, joined } },
      ...{ local: { address: "127.0.0.1", port: ports[0] } },
      ...{ remote: { address: "127.0.0.1", port: ports[1] }, process: { pid: 1, tid: 1, uid: 0 } },
      ...{ direction: end === "client" ? "egress" : "ingress", offset: String(offset), size },
      ...(gap === undefined ? { payload: patternAt(0, at, size).toString("base64") } : { cause: gap }),
    }),
  );
}

function account(truth: Journal, ...records: readonly TapRecord[]): ReturnType<Accountant["close"]> {
  const accountant = new Accountant(truth);
  for (const each of records) accountant.add(each);
  return accountant.close();
}

const NOTHING = { unaccounted: 0, twice: 0, wrong: 0 };

test("delivered and declared bytes are told apart; what is neither is unaccounted", () => {
  const records = [
    ...[record(0, 10), record(10, 5, { gap: "spool_full" }), record(20, 20)],
    record(0, 40, { end: "server" }),
  ];
  expect(account(journal(...moves(40)), ...records)).toMatchObject({
    ...{ ...NOTHING, streams: 2, moved: 80, delivered: 70, declared: { spool_full: 5 }, unaccounted: 5 },
  });
});

test("too much in one direction does not make up for too little in another", () => {
  const records = [record(0, 30), record(0, 40, { end: "server" }), record(0, 10, { end: "server" })];
  expect(account(journal(...moves(40)), ...records)).toMatchObject({
    ...{ moved: 80, delivered: 80, unaccounted: 10, twice: 10 },
  });
});

test("what was never moved counts as coming twice", () => {
  const records = [record(0, 48), record(0, 40, { end: "server" })];
  expect(account(journal(...moves(40)), ...records)).toMatchObject({ unaccounted: 0, twice: 8 });
});

test("bytes that are delivered and declared missing come twice", () => {
  const records = [
    ...[record(0, 40), record(35, 5, { gap: "queue_full" })],
    record(0, 40, { end: "server" }),
  ];
  expect(account(journal(...moves(40)), ...records)).toMatchObject({ unaccounted: 0, twice: 5 });
});

test("bytes that belong elsewhere are wrong", () => {
  const records = [record(0, 40, { at: 8 }), record(0, 40, { end: "server" })];
  expect(account(journal(...moves(40)), ...records)).toMatchObject({ ...NOTHING, wrong: 40 });
});

test("connections of others do not count", () => {
  const truth: Journal = { ...journal(), server: 3 };
  expect(account(truth, record(0, 10))).toMatchObject({ ...NOTHING, delivered: 0 });
});

const next = { joined: "midstream", id: "8f3c00000000000a" } as const;
const nextServer = { joined: "midstream", id: "8f3c00000000000b", end: "server" } as const;
/** 40 bytes; 24 that the tap had when it was killed; 32 without a tap; 40 more. */
const killed = journal(
  ...[...moves(40, 1), ...moves(24, 2), ["mark", -1, 0, 3] as const],
  ...[...moves(32, 4), ["mark", -1, 0, 8] as const, ...moves(40, 9)],
);

test("a tap that joins midstream is placed by its bytes, also if the first ones tell nothing", () => {
  const records = [
    ...[record(0, 64), record(0, 64, { end: "server" })],
    ...[record(0, 5, { ...next, at: 96 }), record(5, 35, { ...next, at: 101 })],
    ...[record(0, 40, { ...nextServer, at: 96 })],
  ];
  expect(account(killed, ...records)).toMatchObject({
    ...{ ...NOTHING, moved: 272, delivered: 208 },
    untapped: { bytes: 64, moved: 64, ms: 5 },
    lost: { bytes: 0 },
  });
});

test("what a killed tap had is lost, and no more than moved since the last call that came out", () => {
  const records = [
    ...[record(0, 40), record(0, 40, { end: "server" })],
    ...[record(0, 40, { ...next, at: 96 }), record(0, 40, { ...nextServer, at: 96 })],
  ];
  // The last call that came out is the server's; it may have come out in part.
  expect(account(killed, ...records)).toMatchObject({
    ...{ ...NOTHING, lost: { bytes: 48, moved: 88, ms: 2 }, untapped: { bytes: 64, moved: 64 } },
  });
});

test("what is missing before a call that came out is unaccounted, whatever was killed", () => {
  const records = [
    ...[record(0, 32), record(0, 64, { end: "server" })],
    ...[record(0, 40, { ...next, at: 96 }), record(0, 40, { ...nextServer, at: 96 })],
  ];
  // The server has received the 64 bytes, and the record of it came out.
  expect(account(killed, ...records)).toMatchObject({ unaccounted: 32, lost: { bytes: 0 } });
});

test("a killed tap that never said anything is told, although all that moved may be lost with it", () => {
  const records = [record(0, 40, { ...next, at: 96 }), record(0, 40, { ...nextServer, at: 96 })];
  expect(account(killed, ...records)).toMatchObject({ ...NOTHING, mute: 1, lost: { bytes: 128 } });
});

test("what is missing after the next tap was attached is unaccounted", () => {
  const records = [
    ...[record(0, 64), record(0, 64, { end: "server" })],
    ...[record(0, 32, { ...next, at: 104 }), record(0, 40, { ...nextServer, at: 96 })],
  ];
  expect(account(killed, ...records)).toMatchObject({ unaccounted: 8, untapped: { bytes: 64 } });
});
