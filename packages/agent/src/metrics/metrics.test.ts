import { COUNTER_NAMES, type Counter } from "@tcptracker/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeRecord, dataRecord, gapRecord, openRecord } from "../../test/support/records.ts";
import type { Counters } from "../kernel/probe.ts";
import { makeRegistry, type MetricSources } from "./metrics.ts";
import { RecordCounter } from "./record-counter.ts";
import { serveMetrics, type MetricsServer } from "./server.ts";

const counters = {
  ...(Object.fromEntries(
    COUNTER_NAMES.map((name, index) => [name as Counter, BigInt(index)]),
  ) as unknown as Counters),
  calls: 5n,
  filtered_calls: 2n,
};
const passed = new RecordCounter();
const sums = { batches: 1, records: 2, payloadBytes: 3, undeclaredBytes: 0 };
const sources: MetricSources = {
  tap: () => ({ records: 4, decodeErrors: 0, missedRuns: 5, connections: 6, counters }),
  bufferedBytes: () => 9,
  bufferSize: 10,
  queuedBytes: () => 7,
  maxConnections: 8,
  passed,
  redactedRecords: () => 9,
  exporter: () => ({
    ...{ connected: true, records: 10, payloadBytes: 11, batches: 12, sentBatches: 13, sentBytes: 14 },
    ...{ resentBatches: 15, acknowledged: 16, pendingRecords: 17, waitingBatches: 18, inFlightBatches: 19 },
    ...{
      inFlightBytes: 20,
      queueBytes: 21,
      spoolBytes: 22,
      connections: 23,
      failures: { ERR_EXPORT_TLS: 24 },
    },
    losses: { queue_full: sums, spool_full: sums, spool_damaged: sums, rejected: sums },
  }),
};

let server: MetricsServer | undefined;
let reason: string | undefined;
beforeEach(async () => {
  reason = undefined;
  server = await serveMetrics({ host: "127.0.0.1", port: 0 }, makeRegistry(sources), () => reason);
});
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
});

async function get(path: string, method = "GET"): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${server?.address.port ?? 0}${path}`, { method });
  return { status: response.status, text: await response.text() };
}

test("figures are those of the moment, and each is there once", async () => {
  passed.process([
    openRecord(),
    dataRecord("abc"),
    gapRecord({ size: 5n, cause: "ring_full" }),
    closeRecord(),
  ]);
  await get("/metrics");
  const { status, text } = await get("/metrics");
  expect(status).toBe(200);
  const lines = text.split("\n").filter((line) => line.startsWith("tcptracker_"));
  expect(new Set(lines).size).toBe(lines.length);
  expect(lines).toEqual(
    expect.arrayContaining([
      'tcptracker_records_total{type="gap"} 1',
      'tcptracker_payload_bytes_total{direction="egress"} 3',
      'tcptracker_gap_bytes_total{cause="ring_full"} 5',
      'tcptracker_kernel_total{counter="ring_full"} 22',
      "tcptracker_connections 6",
      "tcptracker_connections_limit 8",
      'tcptracker_filter_verdicts_total{verdict="accepted"} 3',
      'tcptracker_filter_verdicts_total{verdict="rejected"} 2',
      "tcptracker_buffer_bytes 9",
      "tcptracker_buffer_limit_bytes 10",
      "tcptracker_queue_bytes 7",
      "tcptracker_export_connected 1",
      "tcptracker_export_resent_batches_total 15",
      "tcptracker_export_spool_bytes 22",
      'tcptracker_export_failures_total{code="ERR_EXPORT_TLS"} 24',
      'tcptracker_export_lost_payload_bytes_total{cause="spool_full"} 3',
    ]),
  );
  expect(text).toContain("process_resident_memory_bytes ");
  expect(text).toContain("process_cpu_seconds_total ");
});

test("without an export there is nothing about one", async () => {
  expect(await makeRegistry({ ...sources, exporter: undefined }).metrics()).not.toContain(
    "tcptracker_export",
  );
});

test("healthy, ready or not", async () => {
  expect(await get("/healthz")).toEqual({ status: 200, text: "ok\n" });
  expect(await get("/readyz")).toEqual({ status: 200, text: "ok\n" });
  reason = "no collector";
  expect(await get("/readyz")).toEqual({ status: 503, text: "no collector\n" });
  expect((await get("/healthz")).status).toBe(200);
});

test("anything else is refused", async () => {
  expect((await get("/")).status).toBe(404);
  expect((await get("/metrics", "POST")).status).toBe(405);
  expect(await get("/metrics", "HEAD")).toEqual({ status: 200, text: "" });
});

test("an address that is taken is a wrong option", async () => {
  const listen = server?.address ?? { host: "127.0.0.1", port: 1 };
  await expect(serveMetrics(listen, makeRegistry(sources), () => undefined)).rejects.toMatchObject({
    code: "ERR_TAP_OPTION",
  });
});
