import { readFileSync } from "node:fs";

import { checkPositive, checkUint32 } from "./arguments.ts";
import {
  BatchReader,
  checkMap,
  checkReaderOptions,
  DEFAULT_FLUSH_MS,
  makeCallback,
  type BatchReaderOptions,
  type BatchReaderStats,
  type Delivery,
} from "./batch-reader.ts";
import { parseCpuList } from "./cpus.ts";
import { invalidArgument } from "./errors.ts";
import { invoke } from "./invoke.ts";
import type { BpfMap } from "./map.ts";
import type { Native } from "./native.ts";

/** How to read a perf event array. */
export interface PerfBufferReaderOptions extends BatchReaderOptions {
  /** Size of each CPU's ring, in bytes: a power of two, at least a page (default 256 KiB). Locked kernel memory. */
  bytesPerCpu?: number;
  /**
   * A CPU wakes the reader whenever it has written this many bytes (default an eighth of its ring); 1 = for every
   * record. Waking costs the program that writes microseconds.
   */
  wakeupBytes?: number;
  /** How often to look without having been woken, in milliseconds (default 20, at least 1). */
  flushIntervalMs?: number;
  /**
   * Stops looking without having been woken when nothing has come for this long, in milliseconds, until it is woken: an
   * idle reader then costs nothing at all. Only with `wakeupBytes: 1`. Default 0: it never stops.
   */
  restAfterMs?: number;
  /**
   * Byte offset, within the record, of a u32 with its true length. The kernel pads records and does not say by how much:
   * without this a record ends with 0 to 7 bytes that are not its own (length + 4 is a multiple of 8).
   */
  lengthAt?: number;
  /**
   * Byte offset, within the record, of a u64 to order by, e.g. its time. Records of all CPUs are then delivered in
   * ascending order of it, each of them at most two looks (`flushIntervalMs`, or a wake-up) after it was written.
   * Records with the same key stay in the order in which their CPU wrote them. Without this every CPU's records come
   * in order, but not the CPUs among each other.
   */
  orderAt?: number;
  /**
   * Gets to know how many records a CPU had to drop because its ring was full. Up to Linux 5.19 the kernel tells of it
   * only when that CPU has room for another record; from 6.0 on, drain() and close() report everything.
   */
  onLost?: (count: number, cpu: number) => void;
}

/** What a perf buffer reader has done so far. */
export interface PerfBufferReaderStats extends BatchReaderStats {
  /** Records that the kernel had to drop because a ring was full. */
  lost: number;
  /**
   * Records delivered although the one before them had a larger key: their program had been held up between taking the
   * time and writing for longer than the reader waits. 0 without `orderAt`.
   */
  outOfOrder: number;
  /** Records that are too short for `lengthAt` or `orderAt` or have an impossible length (they are delivered whole). */
  malformed: number;
  /** Records of more than 65,516 bytes that came in shreds, and were not delivered; not all such records show. */
  unreadable: number;
  /** Records that were given up when the reader was closed from inside `onBatch`, or when that threw. */
  abandoned: number;
}

const DEFAULT_BYTES_PER_CPU = 1 << 18;
const MAX_BYTES_PER_CPU = 1 << 30;
/** Of the ring. */
const DEFAULT_WAKEUP_PART = 8;
/** Records are shorter than this. */
const MAX_OFFSET = 1 << 16;
const ABSENT = -1;

const what = "perf buffer";
const operation = "read a perf buffer";

/**
 * Reads a perf event array on the event loop, in the same batches as {@link RingBufferReader}; for kernels before 5.8,
 * which have no ring buffers. Programs write with bpf_perf_event_output(..., BPF_F_CURRENT_CPU, ...). A record has at
 * most 65,516 bytes: the kernel does not refuse longer ones, but damages what is in that CPU's ring, so the program must
 * see to it. A map must have one reader only.
 *
 * Reads the CPUs that are online when it is made: on one that comes later the helper returns -ENOENT.
 *
 * Closing takes the events out of the map (the helper returns -ENOENT from then on), waits for programs that are
 * writing at that moment, and delivers everything; from inside `onBatch` it stops at once instead.
 */
export class PerfBufferReader extends BatchReader<PerfBufferReaderStats> {
  readonly #delivery: Delivery;
  #abandoned = 0;
  #lost: ReadonlyMap<number, number> | undefined;

  constructor(map: BpfMap, options: PerfBufferReaderOptions) {
    checkMap(operation, map, "perf_event_array");
    const { batchBytes, batchesPerTurn } = checkReaderOptions(operation, options);
    const perf = checkPerfOptions(options);
    const cpus = onlineCpus();
    const last = Math.max(...cpus);
    if (last >= map.maxEntries) {
      throw invalidArgument(
        operation,
        `map ${map.name} has room for ${map.maxEntries} CPUs, and CPU ${last} is online`,
        "Leave max_entries of the map out: it becomes the number of CPUs then",
      );
    }
    const delivery: Delivery = { active: false };
    const handle = invoke(operation, "ERR_BPF_READER", (native) =>
      native.perfReaderStart(
        map.handle,
        cpus,
        perf.bytesPerCpu,
        perf.wakeupBytes,
        perf.lengthAt,
        perf.orderAt,
        batchBytes,
        perf.flushIntervalMs,
        batchesPerTurn,
        perf.restAfterMs,
        makeCallback(what, delivery, options, options.onLost),
      ),
    );
    super(what, handle);
    this.#delivery = delivery;
  }

  /** Records that the kernel had to drop so far, of all CPUs. */
  get lost(): number {
    return [...this.lostByCpu.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The same by CPU, for every CPU that is read. */
  get lostByCpu(): ReadonlyMap<number, number> {
    if (this.#lost !== undefined) return this.#lost;
    const list = this.run("count the losses of", (native, reader) => native.readerLosses(reader));
    const losses = new Map<number, number>();
    for (let i = 0; i + 1 < list.length; i += 2) losses.set(list[i] ?? 0, list[i + 1] ?? 0);
    return losses;
  }

  override close(): void {
    if (this.closed) return;
    try {
      this.run("close", (native, reader) => native.readerDetach(reader));
      if (!this.#delivery.active) this.drain();
    } finally {
      this.#finish();
    }
  }

  /** Does nothing when `onBatch` has closed it meanwhile. */
  #finish(): void {
    if (this.closed) return;
    this.#abandoned = this.run("close", (native, reader) => native.readerPending(reader));
    this.#lost = this.lostByCpu;
    super.close();
  }

  /** @internal */
  protected override readStats(native: Native, reader: number): PerfBufferReaderStats {
    return { ...native.readerStats(reader), lost: this.lost, abandoned: this.#abandoned };
  }
}

function onlineCpus(): number[] {
  return parseCpuList(readFileSync("/sys/devices/system/cpu/online", "utf8"));
}

type PerfNumbers = Required<
  Omit<PerfBufferReaderOptions, "onLost" | "onBatch" | "onError" | "batchBytes" | "batchesPerTurn">
>;

function checkPerfOptions(options: PerfBufferReaderOptions): PerfNumbers {
  const {
    bytesPerCpu = DEFAULT_BYTES_PER_CPU,
    flushIntervalMs = DEFAULT_FLUSH_MS,
    restAfterMs = 0,
  } = options;
  checkUint32(operation, "bytesPerCpu", bytesPerCpu);
  if (bytesPerCpu < 4096 || bytesPerCpu > MAX_BYTES_PER_CPU || (bytesPerCpu & (bytesPerCpu - 1)) !== 0) {
    throw invalidArgument(
      operation,
      `bytesPerCpu is ${bytesPerCpu}, not a power of two within 4096 and ${MAX_BYTES_PER_CPU}`,
    );
  }
  const wakeupBytes = options.wakeupBytes ?? bytesPerCpu / DEFAULT_WAKEUP_PART;
  checkPositive(operation, "wakeupBytes", wakeupBytes);
  checkPositive(operation, "flushIntervalMs", flushIntervalMs);
  checkUint32(operation, "restAfterMs", restAfterMs);
  if (restAfterMs > 0 && wakeupBytes !== 1) {
    throw invalidArgument(operation, "restAfterMs needs wakeupBytes: 1, or records would lie in the rings");
  }
  const offset = (name: "lengthAt" | "orderAt"): number => {
    const value = options[name] ?? ABSENT;
    if (value === ABSENT) return ABSENT;
    checkUint32(operation, name, value);
    if (value >= MAX_OFFSET)
      throw invalidArgument(operation, `${name} is ${value}, beyond the longest record`);
    return value;
  };
  return {
    bytesPerCpu,
    wakeupBytes,
    flushIntervalMs,
    restAfterMs,
    lengthAt: offset("lengthAt"),
    orderAt: offset("orderAt"),
  };
}
