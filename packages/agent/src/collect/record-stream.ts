import type { Writable } from "node:stream";
import type { BatchSink, ReceivedBatch } from "@tcptracker/grpc-exporter";

/** Writes received records to a stream: a batch counts as written when the stream says so. */
export class RecordStream implements BatchSink {
  readonly #stream: Writable;
  readonly #format: (batch: ReceivedBatch) => string;

  /** Whoever owns the stream listens to its 'error' events. */
  constructor(stream: Writable, format: (batch: ReceivedBatch) => string) {
    this.#stream = stream;
    this.#format = format;
  }

  write(batch: ReceivedBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(this.#format(batch), (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }
}
