const NS_PER_MS = 1_000_000n;
/** An edge of the wall clock's millisecond that is known better than this is good enough. */
const GOOD_ENOUGH_NS = 5_000n;
const MAX_EDGES = 5;
/** A clock that was stepped back, or frozen by a test, must not hold the thread. */
const MAX_WAIT_NS = 20n * NS_PER_MS;

/** The same instant on both clocks. */
export interface ClockSample {
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly monotonic: bigint;
  /** Nanoseconds since the Unix epoch. */
  readonly epoch: bigint;
  /** How far `epoch` may be off, in nanoseconds. */
  readonly uncertainty: bigint;
}

/** Where a {@link MonotonicClock} reads the two clocks. */
export interface ClockSources {
  /** Nanoseconds of CLOCK_MONOTONIC. Default: `process.hrtime.bigint()`. */
  readonly monotonic?: () => bigint;
  /** Milliseconds since the Unix epoch. Default: `Date.now()`. */
  readonly wall?: () => number;
}

/**
 * Converts the kernel's CLOCK_MONOTONIC to nanoseconds since the Unix epoch, exactly: one addition of bigints.
 *
 * The wall clock reads whole milliseconds, so a sample waits for it to tick over (1 ms at most, busy) and notes the
 * monotonic time of that edge: good to about a microsecond. A clock that was stepped (NTP, suspend) is caught up with at the next
 * `resample()`; call it every few seconds in a long run. Converted times may then jump by the step, either way: the order
 * of records is that of their offsets, not of their times. In a time namespace (`unshare --time`) CLOCK_MONOTONIC is
 * not the kernel's, and times are off by the namespace's offset.
 */
export class MonotonicClock {
  readonly #monotonic: () => bigint;
  readonly #wall: () => number;
  #sample: ClockSample;
  #offset: bigint;

  constructor(sources: ClockSources = {}) {
    this.#monotonic = sources.monotonic ?? (() => process.hrtime.bigint());
    this.#wall = sources.wall ?? (() => Date.now());
    this.#sample = this.#measure();
    this.#offset = this.#sample.epoch - this.#sample.monotonic;
  }

  /** The sample in use. */
  get sample(): ClockSample {
    return this.#sample;
  }

  /** Nanoseconds of CLOCK_MONOTONIC as nanoseconds since the Unix epoch. */
  toEpoch(monotonic: bigint): bigint {
    return monotonic + this.#offset;
  }

  /** Compares the two clocks again. Busy for a few milliseconds at most. */
  resample(): ClockSample {
    this.#sample = this.#measure();
    this.#offset = this.#sample.epoch - this.#sample.monotonic;
    return this.#sample;
  }

  /** The best of a few edges: one that the scheduler interrupted is known badly. */
  #measure(): ClockSample {
    let best = this.#edge();
    for (let edge = 1; edge < MAX_EDGES && best.uncertainty > GOOD_ENOUGH_NS; edge++) {
      const next = this.#edge();
      if (next.uncertainty < best.uncertainty) best = next;
    }
    return best;
  }

  /** Waits for the wall clock to tick over. The edge lies between the last two readings. */
  #edge(): ClockSample {
    const start = this.#monotonic();
    const first = this.#wall();
    let before = start;
    for (;;) {
      const middle = this.#monotonic();
      const wall = this.#wall();
      const after = this.#monotonic();
      if (wall !== first) {
        const half = (after - before) / 2n;
        return { monotonic: before + half, epoch: BigInt(wall) * NS_PER_MS, uncertainty: half };
      }
      if (after - start > MAX_WAIT_NS) {
        return { monotonic: after, epoch: BigInt(wall) * NS_PER_MS, uncertainty: NS_PER_MS };
      }
      before = middle;
    }
  }
}
