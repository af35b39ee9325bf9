import { fromJson, type TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import { accountFor } from "./account.ts";

function record(offset: number, size: number, own: Record<string, unknown> = {}): TapRecord {
  const payload = { type: "data", payload: Buffer.alloc(size).toString("base64") };
  return fromJson(
    JSON.stringify({
      ...{ time: "2026-11-22T15:18:00.123456789Z", network: { type: "ipv4", transport: "tcp" } },
      connection: { id: "8f3c000000000001", role: "client", joined: "start" },
      ...{ local: { address: "127.0.0.1", port: 1 }, remote: { address: "127.0.0.1", port: 2 } },
      ...{
        process: { pid: 1, tid: 1, uid: 0 },
        direction: "egress",
        offset: String(offset),
        size,
        ...payload,
      },
      ...own,
    }),
  );
}

const gap = { type: "gap", cause: "spool_full", payload: undefined };

test("delivered and declared bytes are told apart; what is neither is unaccounted", () => {
  const records = [record(0, 10), record(10, 5, gap), record(20, 1)];
  expect(accountFor(records, [{ port: 1, sent: 6, received: 5 }])).toEqual({
    ...{ moved: 22, delivered: 11, declared: { spool_full: 5 }, unaccounted: 6, duplicate: 0 },
  });
});

test("what comes twice counts once, and is told", () => {
  const records = [record(0, 10), record(5, 5), record(8, 4)];
  expect(accountFor(records, [{ port: 2, sent: 6, received: 0 }])).toMatchObject({
    unaccounted: 0,
    duplicate: 7,
  });
});

test("connections of others do not count", () => {
  expect(accountFor([record(0, 10)], [{ port: 3, sent: 0, received: 0 }])).toMatchObject({
    delivered: 0,
    unaccounted: 0,
  });
});
