import type { ExportErrorCode } from "./errors.ts";
import type { LossSums } from "./losses.ts";

/** What an exporter has done so far. Sizes are bytes. */
export interface ExporterStatistics {
  /** Whether a collector has welcomed it. */
  readonly connected: boolean;
  /** Records taken, and payload in them. */
  readonly records: number;
  readonly payloadBytes: number;
  /** Batches made of them. */
  readonly batches: number;
  /** Batches that were sent, those sent again included, and their bytes. */
  readonly sentBatches: number;
  readonly sentBytes: number;
  /** Batches that were sent again. */
  readonly resentBatches: number;
  /** Up to this number batches are acknowledged. */
  readonly acknowledged: number;
  /** Records that wait to become a batch. */
  readonly pendingRecords: number;
  /** Batches that wait to be acknowledged: all of them, and those of them that were sent on this stream. */
  readonly waitingBatches: number;
  readonly inFlightBatches: number;
  readonly inFlightBytes: number;
  /** Bytes that wait in memory, and on disk. */
  readonly queueBytes: number;
  readonly spoolBytes: number;
  /** Streams that a collector has welcomed. */
  readonly connections: number;
  /** Attempts and streams that have failed, by cause. */
  readonly failures: Readonly<Partial<Record<ExportErrorCode, number>>>;
  /** What was given up, by cause; gap records say where. */
  readonly losses: LossSums;
}
