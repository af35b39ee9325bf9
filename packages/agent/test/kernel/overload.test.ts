import type { CloseRecord, Direction } from "@tcptracker/events";
import { expect, test } from "vitest";
import { runTraffic } from "../traffic/program.ts";
import { Collector } from "./support/collector.ts";
import { assemble } from "./support/streams.ts";

/** The smallest ring there is, and more payload in one call than it holds. */
const SMALL = { bufferSize: 262_144, flushIntervalMs: 50 };

test("a ring that is too small loses nothing in silence", async () => {
  const collector = new Collector(SMALL);
  const reports = await runTraffic(["--mode", "pair", "--size", "4194304", "--call-size", "131072"]);
  const [report] = reports;
  if (report === undefined) throw new Error("no report");
  for (const [end, peer] of [
    [report.client, report.server],
    [report.server, report.client],
  ] as const) {
    const records = await collector.closed(end.port, peer.port);
    for (const direction of ["egress", "ingress"] as const satisfies Direction[]) {
      const { bytes, holes } = assemble(records, direction);
      expect(bytes.length).toBe(end[direction]);
      expect(new Set(holes.map(({ cause }) => cause))).toEqual(new Set(["ring_full"]));
    }
  }
  const { counters } = collector.statistics();
  expect(counters.ring_full).toBeGreaterThan(0n);
  expect(counters.delivered_bytes + counters.gap_bytes).toBe(counters.egress_bytes + counters.ingress_bytes);
  await collector[Symbol.asyncDispose]();
});

test("connections that end while the ring is full are told all the same", async () => {
  const connections = 5_000;
  const collector = new Collector(SMALL);
  await runTraffic(["--mode", "churn", "--connections", String(connections)]);
  await collector[Symbol.asyncDispose]();
  const { counters } = collector.statistics();
  expect(counters.close_deferred, "the ring was full when connections ended").toBeGreaterThan(0n);
  const closes = collector.all().filter((record): record is CloseRecord => record.type === "close");
  const opens = collector.all().filter(({ type }) => type === "open");
  expect(counters.close_lost).toBe(0n);
  expect(BigInt(closes.length)).toBe(counters.connections_closed);
  expect(BigInt(opens.length)).toBe(counters.connections_opened);
  expect(counters.undeclared_bytes).toBe(0n);
  expect(counters.delivered_bytes + counters.gap_bytes).toBe(counters.egress_bytes + counters.ingress_bytes);
  console.log(
    `${counters.connections_closed} ends of connections, ${counters.close_deferred} told by user space`,
  );
});
