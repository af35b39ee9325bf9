import type { CollectorStatistics } from "@tcptracker/grpc-exporter";
import { formatTarget, type Target } from "@tcptracker/grpc-exporter/target";
import { Counter, Gauge, type Registry } from "prom-client";
import { newRegistry } from "./figures.ts";
import { serveMetrics, type MetricsServer } from "./server.ts";

/** The figures of a collector, for Prometheus. */
export function collectorRegistry(statistics: () => CollectorStatistics): Registry {
  const { registry, add } = newRegistry();
  const one =
    (name: keyof CollectorStatistics): (() => Record<string, number>) =>
    () => ({ "": statistics()[name] });
  add(Gauge, "collect_connections", "Connections that are open.", one("connections"));
  add(Gauge, "collect_streams", "Streams that have said hello and are open.", one("streams"));
  add(Counter, "collect_batches_total", "Batches that were written.", one("batches"));
  add(Counter, "collect_records_total", "Records in them.", one("records"));
  add(Counter, "collect_bytes_total", "Bytes of them.", one("bytes"));
  add(Counter, "collect_duplicate_batches_total", "Batches that came again.", one("duplicates"));
  add(
    Counter,
    "collect_unknown_records_total",
    "Records of a later version, left out.",
    one("unknownRecords"),
  );
  add(Counter, "collect_refused_total", "Connections and streams turned away.", one("refused"));
  return registry;
}

/** Serves the figures of a collector, which is ready as long as it listens. */
export async function serveCollectorMetrics(
  listen: Target,
  statistics: () => CollectorStatistics,
  say: (text: string) => void,
): Promise<MetricsServer> {
  const server = await serveMetrics(listen, collectorRegistry(statistics), () => undefined);
  say(`metrics on http://${formatTarget(server.address)}/metrics`);
  return server;
}
