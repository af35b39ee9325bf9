import { parseTarget, type Target } from "@tcptracker/grpc-exporter/target";
import { textOf, type Flag, type FlagValues } from "./flags.ts";

/** The flag about figures, of `tap` and `collect`. */
export const METRICS_FLAGS: Readonly<Record<string, Flag>> = {
  metrics: {
    type: "string",
    value: "[HOST:]PORT",
    help: "serve /metrics for Prometheus, /healthz and /readyz (default host 127.0.0.1; default: off)",
  },
};

/** Where to serve figures, if they are wanted; throws ExportError for an address that is none. */
export function parseMetrics(values: FlagValues): Target | undefined {
  const text = textOf(values, "metrics");
  if (text === undefined) return undefined;
  return parseTarget(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);
}
