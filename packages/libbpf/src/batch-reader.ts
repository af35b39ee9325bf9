import { checkPositive, checkUint32 } from "./arguments.ts";
import { loadedAddon } from "./addon.ts";
import { errnoText } from "./errno.ts";
import { BpfError, closedError, invalidArgument } from "./errors.ts";
import { invokeQuiet } from "./invoke.ts";
import type { BpfMap } from "./map.ts";
import type { MapType } from "./names.ts";
import type { Native } from "./native.ts";

/** How to read what programs send, whatever carries it. */
export interface BatchReaderOptions {
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
  /** Batches delivered before other events of the loop get their turn (default 16). */
  batchesPerTurn?: number;
}

/** What a reader has done so far. */
export interface BatchReaderStats {
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
export const DEFAULT_FLUSH_MS = 20;
const DEFAULT_BATCHES_PER_TURN = 16;

/** What the native side calls; see readerStart in native.ts. */
export type NativeCallback = (batch: Uint8Array | undefined, number: number, cpu: number | undefined) => void;

/** What a running reader and its callback share. The callback must not hold the reader, nor the maps. */
export interface Delivery {
  /** The callback is running. */
  active: boolean;
}

/** What {@link RingBufferReader} and {@link PerfBufferReader} have in common. */
export abstract class BatchReader<Stats extends BatchReaderStats> {
  /** "ring buffer" or "perf buffer", for messages. */
  readonly #what: string;
  readonly #handle: number;
  #closed = false;
  #final: Stats | undefined;

  /** @internal */
  protected constructor(what: string, handle: number) {
    this.#what = what;
    this.#handle = handle;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Figures since the start; the last ones once it is closed. */
  get stats(): Stats {
    return this.#final ?? this.run("read the figures of", (native, reader) => this.readStats(native, reader));
  }

  /** Bytes of the kernel's buffers that are taken now: records that were not delivered, and their headers. 0 once it is closed. */
  get bufferedBytes(): number {
    if (this.#closed) return 0;
    return this.run("read the fill level of", (native, reader) => native.readerBufferedBytes(reader));
  }

  /** Leaves everything where it is until {@link resume}, except for {@link drain}. */
  pause(): void {
    this.run("pause", (native, reader) => native.readerPause(reader));
  }

  resume(): void {
    this.run("resume", (native, reader) => native.readerResume(reader));
  }

  /**
   * Delivers, before it returns, what is there now (also while paused); what arrives meanwhile waits. What
   * `onBatch` throws comes out of here when there is no `onError`; the rest is still there then.
   * Not possible from inside `onBatch` (ERR_BPF_INVALID_STATE).
   */
  drain(): void {
    this.run("drain", (native, reader) => native.readerDrain(reader));
  }

  /** Keeps the process alive (as it does from the start). */
  ref(): this {
    this.run("ref", (native, reader) => native.readerSetRef(reader, true));
    return this;
  }

  /** Lets the process end although this is still open. */
  unref(): this {
    this.run("unref", (native, reader) => native.readerSetRef(reader, false));
    return this;
  }

  /** Stops reading. Doing it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#final = this.stats;
    this.#closed = true;
    loadedAddon()?.readerClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  protected abstract readStats(native: Native, reader: number): Stats;

  /** @internal Runs something on the open reader; throws ERR_BPF_CLOSED when it is not. */
  protected run<T>(what: string, action: (native: Native, reader: number) => T): T {
    const operation = `${what} a ${this.#what} reader`;
    if (this.#closed) throw closedError(operation, "it");
    return invokeQuiet(operation, "ERR_BPF_READER", (native) => action(native, this.#handle));
  }
}

/** Checks a map that is to be read. */
export function checkMap(operation: string, map: BpfMap, type: MapType): void {
  if (map.closed) throw closedError(operation, `map ${map.name}`);
  if (map.type !== type) {
    throw invalidArgument(operation, `map ${map.name} is of type ${map.type}, not ${type}`);
  }
  if (map.fd < 0)
    throw new BpfError("ERR_BPF_NOT_LOADED", { operation, reason: `map ${map.name} is not loaded` });
}

/** Checks what all readers take, and fills in the defaults. */
export function checkReaderOptions(
  operation: string,
  options: BatchReaderOptions,
): { batchBytes: number; batchesPerTurn: number } {
  const { onBatch, batchBytes = DEFAULT_BATCH_BYTES, batchesPerTurn = DEFAULT_BATCHES_PER_TURN } = options;
  if (typeof onBatch !== "function") throw invalidArgument(operation, "onBatch is no function");
  checkUint32(operation, "batchBytes", batchBytes);
  if (batchBytes < MIN_BATCH_BYTES || batchBytes > MAX_BATCH_BYTES) {
    throw invalidArgument(
      operation,
      `batchBytes is ${batchBytes}, not within ${MIN_BATCH_BYTES} and ${MAX_BATCH_BYTES}`,
    );
  }
  checkPositive(operation, "batchesPerTurn", batchesPerTurn);
  return { batchBytes, batchesPerTurn };
}

/** A function of its own: a closure in a constructor would keep the maps, and with them their objects, alive. */
export function makeCallback(
  what: string,
  delivery: Delivery,
  { onBatch, onError }: Pick<BatchReaderOptions, "onBatch" | "onError">,
  onLost?: (count: number, cpu: number) => void,
): NativeCallback {
  return (batch, number, cpu) => {
    delivery.active = true;
    try {
      if (batch !== undefined) onBatch(batch, number);
      else if (cpu !== undefined) onLost?.(number, cpu);
      else throw pollError(what, number);
    } catch (error) {
      if (onError === undefined) throw error;
      onError(error);
    } finally {
      delivery.active = false;
    }
  };
}

function pollError(what: string, errno: number): BpfError {
  return new BpfError("ERR_BPF_READER", { operation: `poll a ${what}`, reason: errnoText(errno), errno });
}
