import type { BatchSink, ReceivedBatch } from "./received.ts";

/** Exporters whose progress is remembered. */
const MOST_REMEMBERED = 65_536;

interface Progress {
  /** Up to here batches are persisted. */
  highest: number;
  /** What is being written: one batch of an exporter at a time, whichever streams they come by. */
  writing: Promise<unknown>;
  streams: number;
}

/** What each exporter has sent, so that nothing is written twice. */
export class Exporters {
  readonly #sink: BatchSink;
  readonly #known = new Map<string, Progress>();

  constructor(sink: BatchSink) {
    this.#sink = sink;
  }

  /** An exporter says hello; `acknowledged`: what it has seen acknowledged. Returns up to where its batches are persisted. */
  enter(exporter: string, acknowledged: number): number {
    const progress = this.#known.get(exporter) ?? {
      highest: this.#sink.persisted?.(exporter) ?? 0,
      writing: Promise.resolve(),
      streams: 0,
    };
    progress.highest = Math.max(progress.highest, acknowledged);
    progress.streams++;
    // The last one to come is the last one to be forgotten.
    this.#known.delete(exporter);
    this.#known.set(exporter, progress);
    this.#forgetOldest();
    return progress.highest;
  }

  /** A stream of it has ended. */
  leave(exporter: string): void {
    const progress = this.#known.get(exporter);
    if (progress !== undefined) progress.streams--;
  }

  /** Writes a batch unless it is there already; whether it was written, and up to where batches are persisted. */
  async write(batch: ReceivedBatch): Promise<{ readonly fresh: boolean; readonly highest: number }> {
    const progress = this.#known.get(batch.exporter);
    if (progress === undefined) throw new Error("write() before enter()");
    const turn = progress.writing.then(async () => {
      if (batch.sequence <= progress.highest) return false;
      await this.#sink.write(batch);
      progress.highest = batch.sequence;
      return true;
    });
    progress.writing = turn.catch(() => undefined);
    return { fresh: await turn, highest: progress.highest };
  }

  #forgetOldest(): void {
    for (const [exporter, { streams }] of this.#known) {
      if (this.#known.size <= MOST_REMEMBERED) return;
      if (streams === 0) this.#known.delete(exporter);
    }
  }
}
