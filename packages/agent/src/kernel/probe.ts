import { COUNTER, type Counter } from "@tcptracker/events";
import { BpfError, type BpfMap } from "@tcptracker/libbpf";
import { MAPS } from "@tcptracker/probes";
import { LAST_RESORT } from "../doctor/explain-refusal.ts";
import type { FilterTarget } from "../filter/tap-filter.ts";
import type { ResolvedTapOptions } from "../options.ts";
import { attach, type Attachment, type Hook } from "./attachment.ts";
import { candidatesFor, type Candidate, type Way } from "./candidates.ts";
import type { IoUringSupport } from "./io-uring.ts";
import { filteredOut, isRejected, leaveTo, leftoversOf, type Leftovers } from "./leftovers.ts";
import type { PageCacheSupport } from "./page-cache.ts";
import { asTapError } from "./tap-refusal.ts";

/** Sums of the kernel's counters over all CPUs, by name. */
export type Counters = Readonly<Record<Counter, bigint>>;

/** A way that this kernel did not accept. */
export interface Refusal extends Way {
  readonly error: BpfError;
}

/** The loaded and attached kernel side of a tap. */
export class Probe {
  readonly #attachment: Attachment;
  #detached = false;
  /** How it taps. */
  readonly way: Way;
  /** The ways that were tried before this one. */
  readonly refusals: readonly Refusal[];

  private constructor(attachment: Attachment, way: Way, refusals: readonly Refusal[]) {
    this.#attachment = attachment;
    this.way = way;
    this.refusals = refusals;
  }

  /**
   * Loads and attaches the first way to tap that this kernel accepts.
   *
   * @param prepare - called for each way that was loaded, before it is attached
   * @throws {@link TapError} when there is none, or no permission
   */
  static open(options: ResolvedTapOptions, prepare?: (target: FilterTarget) => void): Probe {
    const refusals: Refusal[] = [];
    for (const candidate of askFor(options)) {
      const { strategy, transport, kind, atomics } = candidate;
      const way = { strategy, transport, kind, atomics };
      try {
        return new Probe(attach(candidate, options, prepare), way, refusals);
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        refusals.push({ ...way, error });
      }
    }
    throw asTapError(refusals);
  }

  /** What is attached to the system calls and, with a reason, what is not. */
  get hooks(): readonly Hook[] {
    return this.#attachment.hooks;
  }

  get ioUring(): IoUringSupport {
    return this.#attachment.ioUring;
  }

  get pageCache(): PageCacheSupport {
    return this.#attachment.pageCache;
  }

  /** What a filter is put into. */
  get filterTarget(): FilterTarget {
    return this.#attachment;
  }

  /** Where the records come from: a ring buffer or, by transport, an array of perf events. */
  get ring(): BpfMap {
    return this.#attachment.object.map(MAPS.ring);
  }

  /** Connections in the kernel's table. */
  countConnections(): number {
    return Array.from(this.#attachment.object.map(MAPS.connections).keys()).length;
  }

  /**
   * The records that the full ring refused: of connections that have ended since the last time and, once detached, of
   * those that have not.
   *
   * @param generation - of the filter in force
   */
  *takeLeftovers(generation: number): Generator<Leftovers, void, undefined> {
    const unsent = this.#attachment.object.map(MAPS.unsent);
    for (const [id, entry] of unsent.entries()) {
      unsent.delete(id);
      yield leftoversOf(entry, true);
    }
    if (!this.#detached) return;
    for (const [, entry] of this.#attachment.object.map(MAPS.connections).entries()) {
      leaveTo(generation, entry);
      const leftovers = leftoversOf(entry, false);
      if (leftovers.records > 0) yield isRejected(entry, generation) ? filteredOut(leftovers) : leftovers;
    }
  }

  /**
   * How often the kernel skipped a program, because it was running on that CPU already or because too many calls were
   * under way for a kretprobe: calls that were not seen, unless a second copy of the program saw them.
   */
  countMissedRuns(): number {
    const { programs, links } = this.#attachment;
    const recursions = programs.reduce((sum, program) => sum + program.recursionMisses, 0);
    return links.reduce((sum, { missed = 0 }) => sum + missed, recursions);
  }

  /** One of the counters, summed over all CPUs. */
  counter(name: Counter): bigint {
    let sum = 0n;
    for (const value of this.#attachment.object.map(MAPS.counters).getPerCpu(COUNTER[name]) ?? [])
      sum += new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    return sum;
  }

  counters(): Counters {
    const names = Object.keys(COUNTER) as Counter[];
    return Object.fromEntries(names.map((name) => [name, this.counter(name)])) as Record<Counter, bigint>;
  }

  /** Stops the programs; what they have written, and what they have missed, stays readable. */
  detach(): void {
    if (this.#detached) return;
    this.#detached = true;
    // The life-cycle programs first: while the hooks go one by one, the calls of those that are gone would be declared
    // as unseen where a connection ends.
    for (const link of this.#attachment.links) link.close();
  }

  close(): void {
    this.detach();
    this.#attachment.object.close();
  }
}

function askFor(options: ResolvedTapOptions): Candidate[] {
  try {
    return candidatesFor(options);
  } catch (error) {
    throw error instanceof BpfError ? asTapError([{ ...LAST_RESORT, error }]) : error;
  }
}
