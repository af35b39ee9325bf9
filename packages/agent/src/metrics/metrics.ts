import { Counter, Gauge, type Registry } from "prom-client";
import type { ExporterStatistics } from "@tcptracker/grpc-exporter";
import type { TapStatistics } from "../tap.ts";
import { newRegistry, type Add, type Figures } from "./figures.ts";
import type { RecordCounter } from "./record-counter.ts";

/** Where figures come from; asked whenever somebody asks for them. */
export interface MetricSources {
  readonly tap: () => TapStatistics;
  /** Bytes of the kernel's buffer that are taken. */
  readonly bufferedBytes: () => number;
  /** Its size. */
  readonly bufferSize: number;
  /** Bytes that wait to be decoded. */
  readonly queuedBytes: () => number;
  /** The most connections that the kernel's table holds. */
  readonly maxConnections: number;
  readonly passed: RecordCounter;
  readonly redactedRecords: () => number;
  /** Undefined without an export. */
  readonly exporter: (() => ExporterStatistics) | undefined;
}

/** The figures of a tap, for Prometheus. */
export function makeRegistry(sources: MetricSources): Registry {
  const { registry, add } = newRegistry();
  addTap(add, sources);
  if (sources.exporter !== undefined) addExporter(add, sources.exporter);
  return registry;
}

function addTap(
  add: Add,
  { tap, bufferedBytes, bufferSize, queuedBytes, maxConnections, passed, redactedRecords }: MetricSources,
): void {
  add(Counter, "records_total", "Records that went to the sinks, by type.", () => passed.records, "type");
  add(Counter, "payload_bytes_total", "Bytes of payload in them.", () => passed.payloadBytes, "direction");
  add(Counter, "gap_bytes_total", "Bytes declared missing, by cause.", () => passed.gapBytes, "cause");
  add(Counter, "redacted_records_total", "Records in which secrets were replaced.", () => ({
    "": redactedRecords(),
  }));
  add(
    Counter,
    "filter_verdicts_total",
    "System calls that moved bytes, by what the kernel's part of the filter made of them.",
    () => {
      const { calls, filtered_calls } = tap().counters;
      return { accepted: calls - filtered_calls, rejected: filtered_calls };
    },
    "verdict",
  );
  add(
    Counter,
    "kernel_total",
    "The kernel programs' own counters, by name.",
    () => ({ ...tap().counters }),
    "counter",
  );
  add(Counter, "decode_errors_total", "Records of the kernel that made no sense.", () => ({
    "": tap().decodeErrors,
  }));
  add(Counter, "missed_runs_total", "System calls that the programs were skipped for.", () => ({
    "": tap().missedRuns,
  }));
  add(Gauge, "connections", "Connections in the kernel's table.", () => ({ "": tap().connections }));
  add(Gauge, "connections_limit", "The most that it holds.", () => ({ "": maxConnections }));
  add(Gauge, "buffer_bytes", "Bytes of the kernel's buffer that are taken.", () => ({ "": bufferedBytes() }));
  add(Gauge, "buffer_limit_bytes", "Its size.", () => ({ "": bufferSize }));
  add(Gauge, "queue_bytes", "Bytes from the kernel that wait to be decoded.", () => ({ "": queuedBytes() }));
}

function addExporter(add: Add, exporter: () => ExporterStatistics): void {
  const one =
    (read: (statistics: ExporterStatistics) => number | boolean): Figures =>
    () => ({ "": Number(read(exporter())) });
  const losses =
    (read: (sums: ExporterStatistics["losses"]["queue_full"]) => number): Figures =>
    () =>
      Object.fromEntries(Object.entries(exporter().losses).map(([cause, sums]) => [cause, read(sums)]));
  add(
    Gauge,
    "export_connected",
    "Whether a collector receives.",
    one(({ connected }) => connected),
  );
  add(
    Counter,
    "export_records_total",
    "Records taken.",
    one(({ records }) => records),
  );
  add(
    Counter,
    "export_payload_bytes_total",
    "Bytes of payload in them.",
    one(({ payloadBytes }) => payloadBytes),
  );
  add(
    Counter,
    "export_batches_total",
    "Batches made of them.",
    one(({ batches }) => batches),
  );
  add(
    Counter,
    "export_sent_batches_total",
    "Batches sent, those sent again included.",
    one(({ sentBatches }) => sentBatches),
  );
  add(
    Counter,
    "export_sent_bytes_total",
    "Bytes of them.",
    one(({ sentBytes }) => sentBytes),
  );
  add(
    Counter,
    "export_resent_batches_total",
    "Batches sent again.",
    one(({ resentBatches }) => resentBatches),
  );
  add(
    Gauge,
    "export_acknowledged_batch",
    "The last batch that is acknowledged.",
    one(({ acknowledged }) => acknowledged),
  );
  add(
    Gauge,
    "export_waiting_batches",
    "Batches that are not acknowledged.",
    one(({ waitingBatches }) => waitingBatches),
  );
  add(
    Gauge,
    "export_in_flight_bytes",
    "Bytes sent and not acknowledged.",
    one(({ inFlightBytes }) => inFlightBytes),
  );
  add(
    Gauge,
    "export_queue_bytes",
    "Bytes of batches in memory.",
    one(({ queueBytes }) => queueBytes),
  );
  add(
    Gauge,
    "export_spool_bytes",
    "Bytes of the spool.",
    one(({ spoolBytes }) => spoolBytes),
  );
  add(
    Counter,
    "export_connections_total",
    "Streams that a collector has welcomed.",
    one(({ connections }) => connections),
  );
  add(
    Counter,
    "export_failures_total",
    "Attempts and streams that failed, by code.",
    () => ({ ...exporter().failures }),
    "code",
  );
  add(
    Counter,
    "export_lost_batches_total",
    "Batches given up, by cause.",
    losses(({ batches }) => batches),
    "cause",
  );
  add(
    Counter,
    "export_lost_records_total",
    "Records in them.",
    losses(({ records }) => records),
    "cause",
  );
  add(
    Counter,
    "export_lost_payload_bytes_total",
    "Bytes of payload in those.",
    losses(({ payloadBytes }) => payloadBytes),
    "cause",
  );
}
