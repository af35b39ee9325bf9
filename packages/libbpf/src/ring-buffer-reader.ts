import { checkUint32 } from "./arguments.ts";
import {
  BatchReader,
  checkMap,
  checkReaderOptions,
  DEFAULT_FLUSH_MS,
  makeCallback,
  type BatchReaderOptions,
  type BatchReaderStats,
} from "./batch-reader.ts";
import { invalidArgument } from "./errors.ts";
import { invoke } from "./invoke.ts";
import type { BpfMap } from "./map.ts";
import type { Native } from "./native.ts";

/** How to read ring buffers. */
export interface RingBufferReaderOptions extends BatchReaderOptions {
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
}

/** What a ring buffer reader has done so far. */
export type RingBufferReaderStats = BatchReaderStats;

/**
 * Reads ring buffer maps on the event loop, in batches: one JavaScript call for many records. Records of one map come
 * in order and none is lost; a map must have one reader only. Keeps the process alive until it is closed or `unref()`ed.
 * It has its own hold on the maps: what is in them can still be read after their object is closed. What is in them when
 * it is closed stays there.
 */
export class RingBufferReader extends BatchReader<RingBufferReaderStats> {
  constructor(maps: BpfMap | readonly BpfMap[], options: RingBufferReaderOptions) {
    const operation = "read a ring buffer";
    const list: readonly BpfMap[] = "length" in maps ? maps : [maps];
    const { flushIntervalMs = DEFAULT_FLUSH_MS, restAfterMs = 0 } = options;
    if (list.length === 0) throw invalidArgument(operation, "no map is given");
    for (const map of list) checkMap(operation, map, "ringbuf");
    const { batchBytes, batchesPerTurn } = checkReaderOptions(operation, options);
    checkUint32(operation, "flushIntervalMs", flushIntervalMs);
    checkUint32(operation, "restAfterMs", restAfterMs);

    const handle = invoke(operation, "ERR_BPF_READER", (native) =>
      native.ringReaderStart(
        list.map((map) => map.handle),
        batchBytes,
        flushIntervalMs,
        batchesPerTurn,
        restAfterMs,
        makeCallback("ring buffer", { active: false }, options),
      ),
    );
    super("ring buffer", handle);
  }

  /** @internal */
  protected override readStats(native: Native, reader: number): RingBufferReaderStats {
    const { batches, records, bytes, pollWakeups, timerWakeups, timerTicks } = native.readerStats(reader);
    return { batches, records, bytes, pollWakeups, timerWakeups, timerTicks };
  }
}
