/** Peers that are remembered. */
const MOST_REMEMBERED = 4096;

/** How much each peer may send. */
export class Rates {
  readonly #bytesPerSecond: number;
  /** When what each peer has sent would have been paid for, in milliseconds of the monotonic clock. */
  readonly #paid = new Map<string, number>();

  /** `bytesPerSecond`: 0 for any number. */
  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Milliseconds until what this peer has sent is paid for. */
  debt(peer: string, now: number = performance.now()): number {
    return Math.max(0, (this.#paid.get(peer) ?? 0) - now);
  }

  /** It has sent `bytes`. A second may be saved up. */
  charge(peer: string, bytes: number, now: number = performance.now()): void {
    if (this.#bytesPerSecond === 0) return;
    if (!this.#paid.has(peer) && this.#paid.size >= MOST_REMEMBERED) this.#paid.clear();
    const cost = (bytes / this.#bytesPerSecond) * 1000;
    this.#paid.set(peer, Math.max(this.#paid.get(peer) ?? 0, now - 1000) + cost);
  }
}
