import type { TapRecord } from "@tcptracker/events";
import { describe, expect, test } from "vitest";
import { expectBalance } from "./support/account.ts";
import { runCase, tryCase } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { assemble, punch } from "./support/streams.ts";

test("32-bit calls are read to the end of their structures and no further", async (context) => {
  await using collector = new Collector();
  const report = await tryCase("compat");
  if (typeof report === "string") {
    console.warn(`SKIPPED: ${report}`);
    context.skip();
    return;
  }
  const { listener, clients, count } = report;
  const records = await collector.closed(clients[0] ?? 0, listener);
  const sent = new TextEncoder().encode("eight by".repeat(count));
  expect(checkBytes(records, "egress", sent)).toBe(0);
  const data = records.filter((record) => record.type === "data");
  expect(data.map(({ syscall }) => syscall)).toEqual([
    ...["write", "writev", "sendmsg", "sendmmsg", "sendto", "sendmsg"],
  ]);
  expect(records.find((record) => record.type === "close")?.shutdown).toEqual(["write"]);
  expect(collector.statistics().counters.fault).toBe(0n);
});

/** Byte i of what the cases send. */
function sentBytes(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 31 + (i >> 8));
}

/** Checks the bytes of a direction against those that were sent; gives how many were declared missing. */
function checkBytes(
  records: readonly TapRecord[],
  direction: "egress" | "ingress",
  sent: Uint8Array,
): number {
  const { bytes, holes } = assemble(records, direction);
  expect(bytes.length, "bytes and holes together").toBe(sent.length);
  expect(holes.filter(({ cause }) => cause !== "segments")).toEqual([]);
  expect(Buffer.compare(bytes, punch(sent, holes)), "bytes differ").toBe(0);
  return holes.reduce((sum, { size }) => sum + size, 0);
}

describe("a call of many small segments is delivered as far as they are walked, and the rest declared", () => {
  for (const name of ["messages", "alternating"]) {
    test(name, async () => {
      await using collector = new Collector();
      const { listener, clients, count } = await runCase(name);
      const [client = 0] = clients;
      const sent = sentBytes(count);
      const missing = checkBytes(await collector.closed(client, listener), "egress", sent);
      expect(checkBytes(await collector.closed(listener, client), "ingress", sent)).toBe(0);
      console.log(`${name}: ${missing} of ${count} bytes are declared, not delivered`);
      expect(missing, "the greater part is delivered").toBeLessThan(count / 2);
      await collector[Symbol.asyncDispose]();
      const statistics = collector.statistics();
      expectBalance(statistics);
      expect(statistics.counters.undeclared_bytes).toBe(0n);
      expect(statistics.counters.segments_exceeded > 0n).toBe(missing > 0);
    });
  }
});
