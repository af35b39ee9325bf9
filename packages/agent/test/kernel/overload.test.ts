import type { CloseRecord, Direction } from "@tcptracker/events";
import { expect, test } from "vitest";
import { summaryLines } from "../../src/summary.ts";
import { runTraffic, type EndReport, type TrafficReport } from "../traffic/program.ts";
import { expectBalance } from "./support/account.ts";
import { Collector } from "./support/collector.ts";
import { assemble } from "./support/streams.ts";

/** The smallest ring there is, and more payload in one call than it holds. */
const SMALL = { bufferSize: 262_144, flushIntervalMs: 50 };

/** The ends of the connection of a report, each with its peer. */
function endsOf({ client, server }: TrafficReport): [EndReport, EndReport][] {
  return [
    [client, server],
    [server, client],
  ];
}

/** What TCP itself says that the end has moved. */
function movedByTcp(end: EndReport): Record<Direction, number> {
  return { egress: end.tcpSent, ingress: end.tcpReceived };
}

async function flood(...args: string[]): Promise<TrafficReport> {
  const [report] = await runTraffic(["--size", "4194304", "--call-size", "131072", ...args]);
  if (report === undefined) throw new Error("no report");
  return report;
}

test.each([
  ["large buffers", ["--mode", "pair"], 262_144, ["ring_full"]],
  [
    "many segments",
    [
      "--mode",
      "pair",
      "--send",
      "sendmsg",
      "--receive",
      "recvmsg",
      "--segments",
      "300",
      "--call-size",
      "65536",
    ],
    262_144,
    ["ring_full"],
  ],
  ["two threads", ["--mode", "threads", "--call-size", "30000"], 262_144, ["ring_full"]],
  ["beginnings", ["--mode", "pair"], 100_000, ["ring_full", "snaplen"]],
] as const)(
  "a ring that is too small: what TCP has moved is delivered or declared (%s)",
  async (_name, args, snaplen, expected) => {
    await using collector = new Collector({ ...SMALL, snaplen });
    const report = await flood(...args);
    for (const [end, peer] of endsOf(report)) {
      const records = await collector.closed(end.port, peer.port);
      for (const direction of ["egress", "ingress"] as const) {
        const { bytes, holes } = assemble(records, direction);
        expect(bytes.length, `${direction} by the calls`).toBe(end[direction]);
        expect(bytes.length, `${direction} by TCP itself`).toBe(movedByTcp(end)[direction]);
        const causes = new Set(holes.map(({ cause }) => cause));
        expect(causes).toEqual(new Set(bytes.length === 0 ? [] : expected));
      }
    }
    await collector[Symbol.asyncDispose]();
    const { counters } = collector.statistics();
    expect(counters.ring_full).toBeGreaterThan(0n);
    expect(counters.undeclared_bytes).toBe(0n);
    expectBalance(collector.statistics());
  },
);

test("bytes of connections beyond maxConnections are counted, and the others' are complete", async () => {
  await using collector = new Collector({ maxConnections: 1 });
  const report = await flood("--mode", "pair");
  // Whose connection is the one depends on what else this host does.
  await collector[Symbol.asyncDispose]();
  let untracked = 0;
  for (const [end, peer] of endsOf(report)) {
    const records = collector.recordsOf(end.port, peer.port);
    const recorded = { egress: 0, ingress: 0 };
    for (const direction of ["egress", "ingress"] as const) {
      recorded[direction] = assemble(records, direction).bytes.length;
      untracked += movedByTcp(end)[direction] - recorded[direction];
    }
    const close = records.find((record): record is CloseRecord => record.type === "close");
    if (records[0]?.connection.joined !== "start") continue;
    expect(recorded).toEqual(movedByTcp(end));
    expect(close?.egress.bytes).toBe(BigInt(end.tcpSent));
  }
  const statistics = collector.statistics();
  expect(untracked, "both ends have no room in it").toBeGreaterThanOrEqual(report.client.tcpSent);
  expect(statistics.counters.connections_full).toBeGreaterThan(0n);
  expect(statistics.counters.untracked_bytes).toBeGreaterThanOrEqual(BigInt(untracked));
  expectBalance(statistics);
  const summary = summaryLines(statistics, 1n).join("\n");
  expect(summary).toMatch(/moved by calls on connections that are not in the table/);
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
