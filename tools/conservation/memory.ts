/**
 * How much memory tap and collector may take: what each took before there was traffic, and what its limits let it hold
 * beyond that. In MiB.
 */

/** `ARCHITECTURE.md`, Agent: records that wait for the pipeline, and the batches that one turn may add to them. */
const TAP_QUEUE = 256 + 16;
/** `--buffer-size`, by default 64M. The pages are the kernel's; they are mapped twice in a row and count each time. */
const RING = 2 * 64;
/** `queueBytes` and `windowBytes` of the exporter: batches in memory, and what gRPC has of those that are under way. */
const EXPORT_QUEUE = 64;
const EXPORT_WINDOW = 4;
/** One message of the largest size, as bytes, records, and text. */
const MESSAGE = 4 * 1;
/**
 * What V8 keeps beside what is held: both halves of its young generation (32 MiB each in Node 24), buffers outside of its heap that
 * it lets pile up before it looks (64 MiB), and an old generation that may grow to four times what is alive in it (some 20 MiB).
 */
const GARBAGE = 2 * 32 + 64 + 3 * 20;

/** The most at any time. */
export function tapPeak(idle: number): number {
  return idle + TAP_QUEUE + RING + EXPORT_QUEUE + EXPORT_WINDOW + GARBAGE;
}

/** When nothing waits for the pipeline any more. */
export function tapEnd(idle: number): number {
  return tapPeak(idle) - TAP_QUEUE;
}

/** The most at any time: it reads one message of a stream at a time, and what is under way lies in its sockets. */
export function collectorPeak(idle: number): number {
  return idle + EXPORT_WINDOW + MESSAGE + GARBAGE;
}

/** Resident memory of a program, over all processes that it was. */
export interface Memory {
  /** Of the first one, before there was traffic. */
  readonly idle: number;
  readonly peak: number;
  /** Of the last one, before it was told to end. */
  readonly end: number;
}
