import type { TapRecord } from "@tcptracker/events";
import type { BatchSink, ReceivedBatch } from "../../src/collector/received.ts";

/** Keeps what it is given; also across collectors, as a disk would. */
export class MemorySink implements BatchSink {
  readonly batches: ReceivedBatch[] = [];
  /** Awaited before a batch is written. */
  gate: (batch: ReceivedBatch) => Promise<void> = () => Promise.resolve();

  get records(): TapRecord[] {
    return this.batches.flatMap(({ records }) => records);
  }

  async write(batch: ReceivedBatch): Promise<void> {
    await this.gate(batch);
    this.batches.push(batch);
  }

  persisted(exporter: string): number {
    const own = this.batches.filter((batch) => batch.exporter === exporter);
    return own.at(-1)?.sequence ?? 0;
  }
}
