import { COUNTER_NAMES, type Counter } from "@tcptracker/events";
import { expect, test } from "vitest";
import type { Counters } from "./kernel/probe.ts";
import { summaryLines } from "./summary.ts";
import type { TapStatistics } from "./tap.ts";

function statistics(
  counters: Partial<Record<Counter, bigint>>,
  rest: Partial<TapStatistics> = {},
): TapStatistics {
  const zero = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0n])) as Counters;
  return {
    records: 0,
    decodeErrors: 0,
    missedRuns: 0,
    connections: 0,
    counters: { ...zero, ...counters },
    ...rest,
  };
}

test("a run without losses is two lines", () => {
  const counters = {
    calls: 12n,
    connections_opened: 2n,
    egress_bytes: 2048n,
    ingress_bytes: 1024n,
    delivered_bytes: 3000n,
    gap_bytes: 72n,
  };
  const lines = summaryLines(statistics(counters, { records: 16, connections: 1 }), 5_000_000_000n);
  expect(lines).toEqual([
    "5.0 s, 12 calls on 2 connections (1 still open), 16 records",
    "sent 2.0 KiB, received 1.0 KiB: 2.9 KiB delivered, 72 B declared missing, 0 B undeclared",
  ]);
});

test("bytes that nobody accounts for are named", () => {
  const lines = summaryLines(statistics({ egress_bytes: 100n, delivered_bytes: 50n, gap_bytes: 20n }), 1n);
  expect(lines[1]).toContain("50 B delivered, 20 B declared missing, 30 B undeclared");
});

test("so are bytes of connections that have no entry", () => {
  const lines = summaryLines(statistics({ connections_full: 3n, untracked_bytes: 4096n }), 1n);
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(/^4\.0 KiB moved by calls on connections that are not in the table/);
  expect(lines[3]).toContain("--max-connections");
});

test.each([
  ["ring_full", "--buffer-size"],
  ["close_lost", "whose end"],
  ["connections_full", "--max-connections"],
  ["unseen_bytes", "past the tap"],
  ["compat_call", "32-bit"],
  ["fault", "could not be read"],
  ["segments_exceeded", "segments"],
  ["tail_call_failed", "bug"],
] as const)("a loss by %s gets a line of its own", (counter, text) => {
  const lines = summaryLines(statistics({ [counter]: 7n }), 1n);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^7 /);
  expect(lines[2]).toContain(text);
});

test("so do records that could not be decoded", () => {
  const lines = summaryLines(statistics({}, { decodeErrors: 3 }), 1n);
  expect(lines.slice(2)).toEqual(["3 records that could not be decoded: a bug, please report it"]);
});

test("and calls that the kernel did not let the programs see", () => {
  const lines = summaryLines(statistics({}, { missedRuns: 2 }), 1n);
  expect(lines[2]).toMatch(/^2 system calls passed over/);
});
