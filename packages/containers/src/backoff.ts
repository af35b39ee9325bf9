import { setTimeout as delay } from "node:timers/promises";

const SHORTEST = 250;
const LONGEST = 30_000;

/** Pauses between attempts: each twice as long as the one before, up to 30 s, a little different for everybody. */
export class Backoff {
  readonly #signal: AbortSignal;
  readonly #longest: number;
  #pause = SHORTEST;

  constructor(signal: AbortSignal, longest: number = LONGEST) {
    this.#signal = signal;
    this.#longest = longest;
  }

  /** The next pause is a short one again. */
  reset(): void {
    this.#pause = SHORTEST;
  }

  /** Resolves when it is time for the next attempt, or at once when the signal has aborted. */
  async wait(): Promise<void> {
    const pause = this.#pause * (0.75 + Math.random() / 2);
    this.#pause = Math.min(this.#pause * 2, this.#longest);
    await delay(pause, undefined, { signal: this.#signal, ref: false }).catch(() => undefined);
  }
}
