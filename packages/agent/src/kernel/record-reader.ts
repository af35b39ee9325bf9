import { LAYOUT } from "@tcptracker/events";
import {
  features,
  PerfBufferReader,
  RingBufferReader,
  type BatchReader,
  type BatchReaderOptions,
  type BatchReaderStats,
  type BpfMap,
} from "@tcptracker/libbpf";
import type { Transport } from "@tcptracker/probes";
import type { ResolvedTapOptions } from "../options.ts";
import { WAKEUP_FRACTION, WAKEUP_INTERVAL } from "./attachment.ts";

/** How long nothing must have come, in milliseconds, for the reader to rely on being woken. */
const REST_AFTER = 4 * WAKEUP_INTERVAL;

const SMALLEST_PERF_BUFFER = 65536;

/** Reads the records of a tap, whichever way they come out of the kernel. */
export type RecordReader = BatchReader<BatchReaderStats>;

/** The part of the buffer that each CPU gets; all of them together are no larger than what was asked for. */
function bytesPerCpu(bufferSize: number): number {
  const share = 2 ** Math.floor(Math.log2(bufferSize / features.possibleCpus()));
  return Math.max(share, SMALLEST_PERF_BUFFER);
}

/** Starts reading `map`; batches are runs of frames, in the order of time. */
export function readRecords(
  transport: Transport,
  map: BpfMap,
  options: ResolvedTapOptions,
  delivery: BatchReaderOptions,
): RecordReader {
  const { flushIntervalMs, bufferSize } = options;
  if (transport === "ringbuf")
    return new RingBufferReader(map, { ...delivery, flushIntervalMs, restAfterMs: REST_AFTER });
  const share = bytesPerCpu(bufferSize);
  const { length, time } = LAYOUT.tt_record.fields;
  return new PerfBufferReader(map, {
    ...delivery,
    flushIntervalMs,
    bytesPerCpu: share,
    wakeupBytes: share / WAKEUP_FRACTION,
    lengthAt: length.offset,
    orderAt: time.offset,
  });
}
