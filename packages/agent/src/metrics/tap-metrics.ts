import { formatTarget, type Target } from "@tcptracker/grpc-exporter/target";
import type { Exporting } from "../export/exporting.ts";
import type { Redactor } from "../redact/redactor.ts";
import type { Tap } from "../tap.ts";
import { makeRegistry } from "./metrics.ts";
import type { RecordCounter } from "./record-counter.ts";
import { serveMetrics, type MetricsServer } from "./server.ts";

/** What there is to measure of `tcptracker tap`. */
export interface Measured {
  readonly tap: Tap;
  readonly passed: RecordCounter;
  readonly redactor: Redactor;
  readonly exporting: Exporting | undefined;
}

/** Serves the figures of a tap. It is ready while it taps and, if it exports, a collector receives. */
export async function serveTapMetrics(
  listen: Target,
  { tap, passed, redactor, exporting }: Measured,
  say: (text: string) => void,
): Promise<MetricsServer> {
  const registry = makeRegistry({
    tap: () => tap.statistics(),
    bufferedBytes: () => tap.bufferedBytes,
    bufferSize: tap.options.bufferSize,
    queuedBytes: () => tap.queuedBytes,
    maxConnections: tap.options.maxConnections,
    passed,
    redactedRecords: () => redactor.redactedRecords,
    exporter: exporting === undefined ? undefined : () => exporting.statistics(),
  });
  const server = await serveMetrics(listen, registry, () =>
    exporting?.statistics().connected === false ? "the collector does not receive" : undefined,
  );
  say(`metrics on http://${formatTarget(server.address)}/metrics`);
  return server;
}
