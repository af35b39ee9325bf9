import type { TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import {
  byConnection,
  expectBalance,
  expectCloses,
  expectLastClose,
  missingBytes,
} from "./support/account.ts";
import { runCase } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";

/** The records of each end of the connections with a listener, once all of them are closed and the tap has stopped. */
async function endsUntilClosed(
  collector: Collector,
  listener: number,
  connections: number,
): Promise<TapRecord[][]> {
  const look = (): TapRecord[] =>
    collector.all().filter(({ local, remote }) => local.port === listener || remote.port === listener);
  await collector.until(
    () => look().filter(({ type }) => type === "close").length >= 2 * connections || undefined,
    "the close records",
  );
  await collector[Symbol.asyncDispose]();
  return byConnection(look());
}

// With little of each call there are as many gaps of the tap's own making as gaps of the full ring.
for (const snaplen of [262_144, 64]) {
  test(`threads that share a socket while the ring is full lose nothing in silence (snaplen ${snaplen})`, async () => {
    await using collector = new Collector({ bufferSize: 262_144, snaplen });
    const { listener, clients, count } = await runCase("crowd");
    const ends = await endsUntilClosed(collector, listener, clients.length);
    const statistics = collector.statistics();
    const { counters } = statistics;
    expect(counters.ring_full, "the ring was full").toBeGreaterThan(0n);
    expect(ends).toHaveLength(2 * clients.length);
    ends.forEach(expectLastClose);
    const missing = ends.map(missingBytes).reduce((sum, bytes) => sum + bytes, 0n);
    console.log(
      `${counters.gap_bytes} of ${2 * count} bytes declared, ${counters.undeclared_bytes} undeclared, ${missing} of them here`,
    );
    expect(missing).toBeLessThanOrEqual(counters.undeclared_bytes);
    expectBalance(statistics);
    expectCloses(collector);
  });
}

test("sockets that are closed under threads that use them", async () => {
  await using collector = new Collector();
  const { listener, count } = await runCase("race");
  // Entries that are left, or made again; other processes of this host have fewer connections.
  await collector.until(
    () => collector.statistics().connections < count / 10 || undefined,
    "the end of the last connection",
  );
  const ends = await endsUntilClosed(collector, listener, count);
  const statistics = collector.statistics();
  const { counters } = statistics;
  expect(ends, "an entry made again would be one more end").toHaveLength(2 * count);
  // Not expectLastClose: a call that has moved its bytes may be told after the close that overtook it on another CPU.
  const missing = ends.map(missingBytes).reduce((sum, bytes) => sum + bytes, 0n);
  console.log(`${counters.undeclared_bytes} bytes undeclared, ${missing} of them here`);
  expect(missing).toBeLessThanOrEqual(counters.undeclared_bytes);
  expectBalance(statistics);
  expectCloses(collector);
});
