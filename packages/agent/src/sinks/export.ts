import type { TapRecord } from "@tcptracker/events";
import type { Drained, GrpcExporter } from "@tcptracker/grpc-exporter";
import type { Sink } from "../pipeline.ts";

/** How long the last batches may take when the collector is there, and when it is not, in milliseconds. */
const DRAIN = 10_000;
const DRAIN_UNCONNECTED = 2_000;

/** Streams records to a collector. It does not wait for the network: what cannot be sent is kept, and then declared. */
export class ExportSink implements Sink {
  readonly #exporter: GrpcExporter;
  #left: Drained = { batches: 0, lost: 0 };

  constructor(exporter: GrpcExporter) {
    this.#exporter = exporter;
  }

  /** What was not acknowledged when the sink was closed. */
  get left(): Drained {
    return this.#left;
  }

  async write(records: readonly TapRecord[]): Promise<void> {
    await this.#exporter.write(records);
  }

  async close(): Promise<void> {
    const { connected } = this.#exporter.statistics();
    this.#left = await this.#exporter.close(connected ? DRAIN : DRAIN_UNCONNECTED);
  }
}
