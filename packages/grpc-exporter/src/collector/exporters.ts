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

/** Batches that a sink has at the same time: it cannot give them back when whoever has sent them is gone. */
const MOST_WRITING = 16;

/** A batch until it is written, or nobody waits for that any more. */
export interface Held {
  batch: ReceivedBatch | undefined;
}

/** What each exporter has sent, so that nothing is written twice. */
export class Exporters {
  readonly #sink: BatchSink;
  readonly #known = new Map<string, Progress>();
  #writing = 0;
  readonly #queue: ((value: undefined) => void)[] = [];

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

  /**
   * Writes a batch of this exporter unless it is there already, or nobody holds it any more; whether it was written, and up to where
   * batches are persisted.
   */
  async write(exporter: string, held: Held): Promise<{ readonly fresh: boolean; readonly highest: number }> {
    const progress = this.#known.get(exporter);
    if (progress === undefined) throw new Error("write() before enter()");
    const turn = progress.writing.then(() => this.#inTurn(progress, held));
    progress.writing = turn.catch(() => undefined);
    return { fresh: await turn, highest: progress.highest };
  }

  async #inTurn(progress: Progress, held: Held): Promise<boolean> {
    if (this.#writing >= MOST_WRITING) {
      const turn = Promise.withResolvers<undefined>();
      this.#queue.push(turn.resolve);
      // Whoever is done leaves its place to this one.
      await turn.promise;
    } else this.#writing++;
    try {
      const { batch } = held;
      if (batch === undefined || batch.sequence <= progress.highest) return false;
      await this.#sink.write(batch);
      progress.highest = batch.sequence;
      return true;
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#writing--;
      else next(undefined);
    }
  }

  #forgetOldest(): void {
    for (const [exporter, { streams }] of this.#known) {
      if (this.#known.size <= MOST_REMEMBERED) return;
      if (streams === 0) this.#known.delete(exporter);
    }
  }
}
