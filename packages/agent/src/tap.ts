import { setImmediate, setTimeout as delay } from "node:timers/promises";
import { MonotonicClock, RecordCursor, toRecord, type DecodeError, type TapRecord } from "@tcptracker/events";
import { BpfError } from "@tcptracker/libbpf";
import { TapError } from "./errors.ts";
import { AttributedCursor } from "./filter/attributed-cursor.ts";
import { TapFilter, type FilterStatus } from "./filter/tap-filter.ts";
import type { Hook } from "./kernel/attachment.ts";
import type { Way } from "./kernel/candidates.ts";
import type { IoUringSupport } from "./kernel/io-uring.ts";
import type { PageCacheSupport } from "./kernel/page-cache.ts";
import { Probe, type Counters, type Refusal } from "./kernel/probe.ts";
import { readRecords, type RecordReader } from "./kernel/record-reader.ts";
import { asTapError } from "./kernel/tap-refusal.ts";
import { resolveOptions, type ResolvedTapOptions, type TapOptions } from "./options.ts";
import type { Source } from "./pipeline.ts";
import { AsyncQueue } from "./queue.ts";

/** Bytes that may wait for the consumer before the kernel's buffer has to hold the rest. */
const MOST_QUEUED = 256 * 1024 * 1024;

/** Bytes of one batch: what a consumer works on before the ring gets its turn again. */
const BATCH_BYTES = 256 * 1024;

/** Batches taken from the ring before the consumer gets its turn: 16 MiB. */
const BATCHES_PER_TURN = 64;

/** How often the two clocks are compared again, in milliseconds. */
const CLOCK_INTERVAL = 30_000;

/** How often to look for connections that ended while the ring was full, in milliseconds. */
const SWEEP_INTERVAL = 1_000;

/** How long a program that was running when it was detached may take at most, in milliseconds. */
const GRACE = 2;

/** A batch of records, or a time (CLOCK_MONOTONIC, ns) of which all earlier records are in the batches before it. */
type Read = Uint8Array | bigint;

/** What a tap has done so far. */
export interface TapStatistics {
  /** Records handed out or waiting to be. */
  readonly records: number;
  /** Records of the kernel that made no sense: always 0 unless there is a bug. */
  readonly decodeErrors: number;
  /** How often the kernel skipped one of the programs: calls that were not seen and are in none of the counters. */
  readonly missedRuns: number;
  /** Connections in the kernel's table. */
  readonly connections: number;
  /** The kernel's own sums: one for each way that a call can take. */
  readonly counters: Counters;
}

/**
 * A running tap: the TCP conversations of every process of this host but this one, as an async iterable of records.
 *
 * ```ts
 * await using tap = Tap.start({ snaplen: 4096 });
 * for await (const record of tap) console.log(record.type, record.process.name);
 * ```
 */
export class Tap implements Source, AsyncIterable<TapRecord>, AsyncDisposable {
  /** The options in force, defaults included. */
  readonly options: ResolvedTapOptions;
  readonly #probe: Probe;
  readonly #filter: TapFilter;
  readonly #reader: RecordReader;
  readonly #clock = new MonotonicClock();
  readonly #timers: readonly NodeJS.Timeout[];
  readonly #cursor: RecordCursor;
  /** Batches as the ring gave them: copying is all that emptying the ring costs, whatever the consumer does. */
  readonly #queue: AsyncQueue<Read>;
  #queued = 0;
  #records = 0;
  #decodeErrors = 0;
  #deferred = 0n;
  #leftoverGapBytes = 0n;
  #leftoverFilteredBytes = 0n;
  #iterated = false;
  #stopping: Promise<void> | undefined;
  #final: Omit<TapStatistics, "decodeErrors"> | undefined;

  private constructor(options: ResolvedTapOptions, probe: Probe, filter: TapFilter) {
    this.options = options;
    this.#probe = probe;
    this.#filter = filter;
    const onError = (error: DecodeError): void => {
      this.#onDecodeError(error);
    };
    const { containers } = options;
    this.#cursor =
      containers === undefined
        ? new RecordCursor({ onError })
        : new AttributedCursor(containers, { onError });
    this.#queue = new AsyncQueue((read) => {
      this.#onTaken(typeof read === "bigint" ? 0 : read.length);
    });
    this.#reader = readRecords(probe.way.transport, probe.ring, options, {
      batchBytes: BATCH_BYTES,
      batchesPerTurn: BATCHES_PER_TURN,
      onBatch: (batch, records) => {
        this.#onBatch(batch, records);
      },
      onError: (error) => {
        this.#fail(error);
      },
    });
    this.#timers = [
      setInterval(() => this.#clock.resample(), CLOCK_INTERVAL).unref(),
      setInterval(() => this.#sweep(), SWEEP_INTERVAL).unref(),
    ];
  }

  /**
   * Loads the eBPF programs and attaches them; when it returns, calls are being recorded.
   *
   * @throws {@link TapError} for options out of range, without permission, or where the kernel lacks what is needed, or the
   * process may not have enough of it;
   * FilterError of @tcptracker/filter for a filter that is none
   */
  static start(options: TapOptions = {}): Tap {
    const resolved = resolveOptions(options);
    const filter = new TapFilter(resolved.snaplen, resolved.containers);
    const compiled = resolved.filter === undefined ? undefined : filter.compile(resolved.filter);
    let probe: Probe | undefined;
    try {
      probe = Probe.open(resolved, (target) => {
        if (compiled !== undefined) filter.apply(compiled, target);
      });
      return new Tap(resolved, probe, filter);
    } catch (error) {
      // It follows the containers, which are the caller's.
      filter.close();
      if (probe === undefined) throw error;
      probe.close();
      // The perf events of a perf buffer, and what a ring buffer is watched by.
      throw error instanceof BpfError ? asTapError([{ ...probe.way, error }]) : error;
    }
  }

  /** How it taps, e.g. `tracepoint (typed programs, ringbuf)`. */
  get attachedAs(): string {
    const { strategy, kind, transport } = this.#probe.way;
    return `${strategy} (${kind} programs, ${transport})`;
  }

  /** The same as parts. */
  get way(): Way {
    return this.#probe.way;
  }

  /** The better ways that this kernel did not accept, in the order in which they were tried. */
  get refusals(): readonly Refusal[] {
    return this.#probe.refusals;
  }

  /** The programs on the system calls: attached or, with a reason, not. */
  get hooks(): readonly Hook[] {
    return this.#probe.hooks;
  }

  /**
   * The system calls that this kernel does not let the tap see, each with the reason; mostly none. A function for 32-bit
   * programs that the kernel does not have is none of them: no program can call it.
   */
  get missingHooks(): readonly (Hook & { readonly reason: string })[] {
    return this.hooks.filter(
      (hook): hook is Hook & { reason: string } =>
        hook.reason !== undefined && !(hook.compat === true && hook.unknown === true),
    );
  }

  /** Whether this kernel lets the tap see what io_uring moves; where it does not, a reason. */
  get ioUring(): IoUringSupport {
    return this.#probe.ioUring;
  }

  /** Bytes of records that wait for the consumer. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /** Bytes of the kernel's buffer, of {@link options}.bufferSize, that are taken now. */
  get bufferedBytes(): number {
    return this.#reader.bufferedBytes;
  }

  /** Whether the bytes that sendfile sends are recorded; where they are not, a reason. */
  get pageCache(): PageCacheSupport {
    return this.#probe.pageCache;
  }

  /** The filter in force; undefined when everything is kept. */
  get filter(): FilterStatus | undefined {
    return this.#filter.status;
  }

  /**
   * Changes the filter while the tap runs; undefined: from now on everything is kept. Nothing is detached, and calls that both
   * filters accept are neither lost nor recorded twice.
   *
   * @throws FilterError of @tcptracker/filter for a text that is none, BpfError when the kernel refuses the change, and the
   * filter stays as it was; {@link TapError} when the tap is stopped, and when what has changed could not be changed back
   */
  setFilter(text: string | undefined): void {
    if (this.#stopping !== undefined)
      throw new TapError("ERR_TAP_STOPPED", "the tap is stopped; start another one");
    const compiled = text === undefined ? undefined : this.#filter.compile(text);
    this.#filter.apply(compiled, this.#probe.filterTarget);
  }

  /** Every record, in the order in which the kernel wrote them; ends after {@link stop}. Can be iterated once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TapRecord, void, undefined> {
    for await (const records of this.batches()) yield* records;
  }

  /** The same in batches, which costs less per record. */
  batches(): AsyncIterable<readonly TapRecord[]> {
    if (this.#iterated)
      throw new TapError("ERR_TAP_ITERATED_TWICE", "a tap can be iterated once; start another one");
    this.#iterated = true;
    return this.#decodeQueued();
  }

  async *#decodeQueued(): AsyncGenerator<readonly TapRecord[], void, undefined> {
    for await (const read of this.#queue) {
      const records = typeof read === "bigint" ? this.#expire(read) : this.#decode(read);
      if (records.length > 0) yield records;
      // A consumer that never waits would keep the event loop from emptying the ring.
      await setImmediate();
    }
    const rest: TapRecord[] = [];
    this.#filter.finish(rest);
    if (rest.length > 0) yield rest;
  }

  /** What has happened so far; once the iteration has ended, what happened until {@link stop}. */
  statistics(): TapStatistics {
    const current = this.#final ?? this.#current();
    return this.#withoutDropped({ ...current, decodeErrors: this.#decodeErrors });
  }

  /**
   * Detaches at once, collects what the kernel still holds, and lets the iteration end after it. Resolves when all that
   * was recorded is waiting for the consumer. Safe to call again, and from inside the iteration.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#finish();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #finish(): Promise<void> {
    this.#probe.detach();
    for (const timer of this.#timers) clearInterval(timer);
    // A program that was running on another CPU when it was detached may have one more record to write. And the caller
    // may be running inside the delivery of a batch, where the ring cannot be drained.
    await delay(GRACE);
    try {
      this.#takeLeftovers();
      this.#final = this.#current();
    } finally {
      this.#reader.close();
      this.#filter.close();
      this.#probe.close();
      this.#queue.end();
    }
  }

  #current(): Omit<TapStatistics, "decodeErrors"> {
    return {
      records: this.#records,
      missedRuns: this.#probe.countMissedRuns(),
      connections: this.#probe.countConnections(),
      counters: this.#counters(),
    };
  }

  #counters(): Counters {
    const counters = this.#probe.counters();
    return {
      ...counters,
      gap_bytes: counters.gap_bytes + this.#leftoverGapBytes,
      filtered_bytes: counters.filtered_bytes + this.#leftoverFilteredBytes,
    };
  }

  /** What came out of the kernel and did not pass the filter was not delivered after all. */
  #withoutDropped(statistics: TapStatistics): TapStatistics {
    const { records, calls, payloadBytes, gapBytes } = this.#filter.dropped;
    const { counters } = statistics;
    return {
      ...statistics,
      records: statistics.records - records,
      counters: {
        ...counters,
        delivered_bytes: counters.delivered_bytes - payloadBytes,
        gap_bytes: counters.gap_bytes - gapBytes,
        filtered_bytes: counters.filtered_bytes + payloadBytes + gapBytes,
        filtered_calls: counters.filtered_calls + BigInt(calls),
      },
    };
  }

  /** The iteration ends with the error, after what is there. */
  #fail(error: unknown): void {
    this.#queue.end(error instanceof Error ? error : new TapError("ERR_TAP_KERNEL", String(error)));
  }

  #sweep(): void {
    try {
      this.#lookForLeftovers();
    } catch (error) {
      this.#fail(error);
    }
  }

  #lookForLeftovers(): void {
    // A consumer that is behind is given no more; the kernel keeps what it owes.
    if (this.#isFull()) return;
    if (this.#filter.waitingCalls > 0) this.#markTime();
    if (this.#probe.counter("close_deferred") === this.#deferred) return;
    this.#deferred = this.#probe.counter("close_deferred");
    this.#takeLeftovers();
  }

  /** So that what is held back is looked at, although nothing comes. */
  #markTime(): void {
    const now = process.hrtime.bigint();
    this.#reader.drain();
    this.#queue.push(now);
  }

  /** What the ring had no room for, after what it holds. */
  #takeLeftovers(): void {
    this.#reader.drain();
    for (const leftovers of this.#probe.takeLeftovers(this.#filter.generation)) {
      this.#leftoverGapBytes += leftovers.gapBytes;
      this.#leftoverFilteredBytes += leftovers.filteredBytes;
      if (leftovers.records > 0) this.#onBatch(leftovers.batch, leftovers.records);
    }
  }

  #onBatch(batch: Uint8Array, records: number): void {
    this.#records += records;
    this.#queued += batch.length;
    if (this.#isFull()) this.#reader.pause();
    this.#queue.push(batch.length < BATCH_BYTES / 4 ? batch.slice() : takeOver(batch));
  }

  #decode(batch: Uint8Array): TapRecord[] {
    const records: TapRecord[] = [];
    const cursor = this.#cursor;
    cursor.reset(batch);
    if (!this.#filter.isUsed) {
      while (cursor.next()) records.push(toRecord(cursor, this.#clock));
      return records;
    }
    const make = (): TapRecord => this.#filter.attribute(toRecord(cursor, this.#clock));
    while (cursor.next()) this.#filter.judge(cursor, make, records);
    if (this.#filter.waitingCalls > 0) this.#filter.expire(records);
    return records;
  }

  #expire(until: bigint): TapRecord[] {
    const records: TapRecord[] = [];
    this.#filter.expire(records, until);
    return records;
  }

  #isFull(): boolean {
    return this.#queued >= MOST_QUEUED;
  }

  #onTaken(bytes: number): void {
    this.#queued -= bytes;
    if (this.#stopping === undefined && !this.#isFull()) this.#reader.resume();
  }

  #onDecodeError(error: DecodeError): void {
    this.#decodeErrors++;
    if (this.#decodeErrors === 1) process.emitWarning(error);
  }
}

/** The batch with its memory, which costs no copy: the reader makes itself a new buffer. */
function takeOver(batch: Uint8Array): Uint8Array {
  const { length } = batch;
  return new Uint8Array((batch.buffer as ArrayBuffer).transfer(), 0, length);
}
