import type { Direction, TapRecord } from "@tcptracker/events";
import { describe, expect, test } from "vitest";
import { expectBalance } from "./support/account.ts";
import { runCase } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { assemble, punch, type Hole } from "./support/streams.ts";

const SNAPLEN = 262_144;
const PAGE = 4096;

/** Where a buffer begins within its first page. */
const START = 100;

/** The pages of the buffer that are gone when the call returns: see take_away() in support/cases/faults.c. */
const GONE: readonly Hole[] = [
  [1, 2],
  [3, 5],
  [15, 19],
].map(([from = 0, to = 0]) => ({ offset: from * PAGE - START, size: (to - from) * PAGE, cause: "fault" }));

function payload(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 31 + (i >> 8);
  return bytes;
}

function expectHoles(
  records: readonly TapRecord[],
  direction: Direction,
  size: number,
  gone: readonly Hole[],
): void {
  const { bytes, holes } = assemble(records, direction);
  expect(holes).toEqual(gone);
  expect(bytes.length, "delivered and declared together are what moved").toBe(size);
  expect(Buffer.compare(bytes, punch(payload(size), holes)), "bytes differ").toBe(0);
}

/** The records of the end that made the call, when the tap has stopped. */
async function recordsOf(
  name: string,
  end: "client" | "server",
): Promise<[readonly TapRecord[], number, Collector]> {
  await using collector = new Collector({ snaplen: SNAPLEN });
  const { listener, clients, count } = await runCase(name);
  const [client = 0] = clients;
  const [local, remote] = end === "client" ? [client, listener] : [listener, client];
  const records = await collector.closed(local, remote);
  await collector[Symbol.asyncDispose]();
  expectBalance(collector.statistics());
  return [records, count, collector];
}

describe("pages that are gone when the call returns are declared, the rest is delivered", () => {
  for (const name of ["fault-send", "fault-file"])
    test(name, async () => {
      const [records, count] = await recordsOf(name, "client");
      const beyond = { offset: SNAPLEN, size: count - SNAPLEN, cause: "snaplen" };
      expectHoles(records, "egress", count, [...GONE, beyond]);
    });

  test("fault-receive", async () => {
    const [records, count] = await recordsOf("fault-receive", "server");
    expectHoles(records, "ingress", count, GONE);
  });
});

describe("a call of which it is not known where its bytes were is declared", () => {
  for (const name of ["fault-segments", "fault-header"])
    test(name, async () => {
      const [records, count, collector] = await recordsOf(name, "client");
      expectHoles(records, "egress", count, [{ offset: 0, size: count, cause: "fault" }]);
      expect(collector.statistics().counters.fault > 0n).toBe(name === "fault-header");
    });
});
