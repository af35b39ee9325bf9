import { checkPositive, checkUint32 } from "./arguments.ts";
import { loadedAddon } from "./addon.ts";
import { errnoText } from "./errno.ts";
import { BpfError, closedError, invalidArgument } from "./errors.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import type { BpfMap } from "./map.ts";
import type { Native } from "./native.ts";

/** How to read ring buffers. */
export interface RingBufferReaderOptions {
  /**
   * Gets the records of one batch; `frames(batch)` walks them. The bytes are valid only during the call: the buffer
   * is used again for the next batch. When it throws, the error goes to `onError`, or without one to
   * `uncaughtException`; the records of that batch count as delivered.
   */
  onBatch: (batch: Uint8Array, records: number) => void;
  /** Gets what `onBatch` throws, and failures of polling (after which the reader is paused). */
  onError?: (error: unknown) => void;
  /** Size of the batch buffer, in bytes (default 1 MiB, at least 4096). A larger record gets a buffer of its own. */
  batchBytes?: number;
  /**
   * How often to look without having been woken, in milliseconds (default 20, 0 = never): programs may submit with
   * BPF_RB_NO_WAKEUP and rely on this. An empty ring costs no JavaScript call.
   */
  flushIntervalMs?: number;
  /**
   * Stops looking without having been woken when nothing has come for this long, in milliseconds, until it is woken: an
   * idle reader then costs nothing at all. Only for programs that wake the reader (BPF_RB_FORCE_WAKEUP) for every record
   * that comes more than half this long after their last wake-up. Default 0: it never stops.
   */
  restAfterMs?: number;
  /** Batches delivered before other events of the loop get their turn (default 16). */
  batchesPerTurn?: number;
}

/** What a reader has done so far. */
export interface RingBufferReaderStats {
  batches: number;
  records: number;
  /** Bytes of records, without the framing. */
  bytes: number;
  /** Times the kernel woke the reader. */
  pollWakeups: number;
  /** Times the timer found records that no wake-up had announced. */
  timerWakeups: number;
  /** Times the timer ran. */
  timerTicks: number;
}

const DEFAULT_BATCH_BYTES = 1 << 20;
const MIN_BATCH_BYTES = 4096;
const MAX_BATCH_BYTES = 1 << 30;
const DEFAULT_FLUSH_MS = 20;
const DEFAULT_BATCHES_PER_TURN = 16;

/**
 * Reads ring buffer maps on the event loop, in batches: one JavaScript call for many records. Records of one map come
 * in order and none is lost; a map must have one reader only. Keeps the process alive until it is closed or `unref()`ed.
 * It has its own hold on the maps: what is in them can still be read after their object is closed.
 */
export class RingBufferReader {
  readonly #handle: number;
  #closed = false;
  #final: RingBufferReaderStats | undefined;

  constructor(maps: BpfMap | readonly BpfMap[], options: RingBufferReaderOptions) {
    const operation = "read a ring buffer";
    const list: readonly BpfMap[] = "length" in maps ? maps : [maps];
    const {
      onBatch,
      onError,
      batchBytes = DEFAULT_BATCH_BYTES,
      flushIntervalMs = DEFAULT_FLUSH_MS,
      restAfterMs = 0,
      batchesPerTurn = DEFAULT_BATCHES_PER_TURN,
    } = options;
    if (list.length === 0) throw invalidArgument(operation, "no map is given");
    for (const map of list) {
      if (map.closed) throw closedError(operation, `map ${map.name}`);
      if (map.type !== "ringbuf")
        throw invalidArgument(operation, `map ${map.name} is of type ${map.type}, not ringbuf`);
      if (map.fd < 0) {
        throw new BpfError("ERR_BPF_NOT_LOADED", { operation, reason: `map ${map.name} is not loaded` });
      }
    }
    if (typeof onBatch !== "function") throw invalidArgument(operation, "onBatch is no function");
    checkUint32(operation, "batchBytes", batchBytes);
    if (batchBytes < MIN_BATCH_BYTES || batchBytes > MAX_BATCH_BYTES) {
      throw invalidArgument(
        operation,
        `batchBytes is ${batchBytes}, not within ${MIN_BATCH_BYTES} and ${MAX_BATCH_BYTES}`,
      );
    }
    checkUint32(operation, "flushIntervalMs", flushIntervalMs);
    checkUint32(operation, "restAfterMs", restAfterMs);
    checkPositive(operation, "batchesPerTurn", batchesPerTurn);

    this.#handle = invoke(operation, "ERR_BPF_READER", (native) =>
      native.readerStart(
        list.map((map) => map.handle),
        batchBytes,
        flushIntervalMs,
        batchesPerTurn,
        restAfterMs,
        makeCallback(onBatch, onError),
      ),
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Figures since the start; the last ones once it is closed. */
  get stats(): RingBufferReaderStats {
    return this.#final ?? this.#run("read the figures of", (native) => native.readerStats(this.#handle));
  }

  /** Leaves everything in the ring until {@link resume}, except for {@link drain}. */
  pause(): void {
    this.#run("pause", (native) => native.readerPause(this.#handle));
  }

  resume(): void {
    this.#run("resume", (native) => native.readerResume(this.#handle));
  }

  /**
   * Delivers, before it returns, what is in the rings now (also while paused); what arrives meanwhile waits. What
   * `onBatch` throws comes out of here when there is no `onError`; the rest is still in the ring then.
   * Not possible from inside `onBatch` (ERR_BPF_INVALID_STATE).
   */
  drain(): void {
    this.#run("drain", (native) => native.readerDrain(this.#handle));
  }

  /** Keeps the process alive (as it does from the start). */
  ref(): this {
    this.#run("ref", (native) => native.readerSetRef(this.#handle, true));
    return this;
  }

  /** Lets the process end although this is still open. */
  unref(): this {
    this.#run("unref", (native) => native.readerSetRef(this.#handle, false));
    return this;
  }

  /** Stops reading. What is still in the ring stays there. Doing it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#final = this.stats;
    this.#closed = true;
    loadedAddon()?.readerClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #run<T>(what: string, action: (native: Native) => T): T {
    const operation = `${what} a ring buffer reader`;
    if (this.#closed) throw closedError(operation, "it");
    return invokeQuiet(operation, "ERR_BPF_READER", action);
  }
}

/** A function of its own: a closure in the constructor would keep the maps, and with them their objects, alive. */
function makeCallback(
  onBatch: RingBufferReaderOptions["onBatch"],
  onError: RingBufferReaderOptions["onError"],
): (batch: Uint8Array | undefined, number: number) => void {
  return (batch, number) => {
    try {
      if (batch === undefined) throw pollError(number);
      onBatch(batch, number);
    } catch (error) {
      if (onError === undefined) throw error;
      onError(error);
    }
  };
}

function pollError(errno: number): BpfError {
  return new BpfError("ERR_BPF_READER", { operation: "poll a ring buffer", reason: errnoText(errno), errno });
}
