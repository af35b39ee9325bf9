/** Messages that are told one by one before only their number is told, in so many milliseconds. */
const MOST_TOLD = 10;
const INTERVAL = 10_000;

/** Tells messages of one kind, but only so many in a while. */
export class Throttle {
  readonly #say: (text: string) => void;
  readonly #rest: string;
  #since = -Infinity;
  #told = 0;
  #untold = 0;

  /** `rest`: what is said of those that were not told, after their number. */
  constructor(say: (text: string) => void, rest: string) {
    this.#say = say;
    this.#rest = rest;
  }

  /** `now`: milliseconds of the monotonic clock. */
  tell(text: string, now: number): void {
    if (now - this.#since > INTERVAL) {
      if (this.#untold > 0) this.#say(`${this.#untold} more ${this.#rest}`);
      [this.#since, this.#told, this.#untold] = [now, 0, 0];
    }
    if (this.#told < MOST_TOLD) {
      this.#told++;
      this.#say(text);
    } else this.#untold++;
  }
}
