/** How long to wait between attempts, in milliseconds. */
export interface BackoffOptions {
  /** After the first failure. Default 100. */
  readonly first?: number;
  /** At most. Default 30,000. */
  readonly most?: number;
}

/** Waiting times that double, each shortened by chance so that agents do not come back all at once. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: () => number;
  #failures = 0;

  /** `random`: from 0 to below 1; default Math.random. */
  constructor({ first = 100, most = 30_000 }: BackoffOptions = {}, random: () => number = Math.random) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
  }

  /** Milliseconds until the next attempt: a half to the whole of a time that doubles. */
  next(): number {
    const whole = Math.min(this.#most, this.#first * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return whole * (0.5 + this.#random() / 2);
  }

  /** It works again. */
  reset(): void {
    this.#failures = 0;
  }
}
