import type { Containers } from "@tcptracker/containers";
import type { RecordCursor, TapRecord } from "@tcptracker/events";
import type { Filter } from "@tcptracker/filter";
import { BpfError, type BpfObject } from "@tcptracker/libbpf";
import { CallJudge, type Dropped } from "./call-judge.ts";
import { compileFilter } from "./compile-filter.ts";
import { FilterHistory, NAMED_GENERATIONS } from "./filter-history.ts";
import { FollowedSets } from "./followed-sets.ts";
import { KernelFilter, slotsWithoutFilter, type StageArray } from "./kernel-filter.ts";
import { changeSlots } from "./slots.ts";

/** The kernel's side of a tap, as far as a filter has to know it. */
export interface FilterTarget {
  readonly object: BpfObject;
  /** The program arrays of the programs that are attached. */
  readonly arrays: readonly StageArray[];
}

/** What a tap does with its filter. */
export interface FilterStatus {
  readonly text: string;
  /** Whether the kernel decides a part of it. */
  readonly inKernel: boolean;
  /** Why the kernel decides nothing, although it could decide something: it refused the programs. */
  readonly refusal?: BpfError;
}

/** What a filter has to know of containers. */
export type FilterContainers = Pick<Containers, "of" | "follow">;

/** The filter of a tap: in the kernel, above it, and how one follows on another. */
export class TapFilter {
  readonly #snaplen: number;
  readonly #containers: FilterContainers | undefined;
  readonly #judge: CallJudge;
  /** Records of earlier filters may still come. */
  readonly #history = new FilterHistory();
  #given = 0;
  #generation = 0;
  #status: FilterStatus | undefined;
  #kernel: KernelFilter | undefined;
  #sets: FollowedSets | undefined;
  #used = false;

  /**
   * @param snaplen - payload bytes kept per call: what `payload` is
   * @param containers - without them there is no `container` and `pod` in filters
   */
  constructor(snaplen: number, containers?: FilterContainers) {
    this.#snaplen = snaplen;
    this.#containers = containers;
    this.#judge = new CallJudge((record) => this.#history.judgementOf(record));
  }

  /** Whether records have to be judged at all. */
  get isUsed(): boolean {
    return this.#used;
  }

  get status(): FilterStatus | undefined {
    return this.#status;
  }

  /** Of the filter in force, or of there being none. */
  get generation(): number {
    return this.#generation;
  }

  get dropped(): Dropped {
    return this.#judge.dropped;
  }

  /** Calls of which records are held back. */
  get waitingCalls(): number {
    return this.#judge.waitingCalls;
  }

  /**
   * Checks and splits a filter.
   *
   * @throws FilterError for a text that is none
   */
  compile(text: string): Filter {
    return compileFilter(text, { snaplen: this.#snaplen, containers: this.#containers !== undefined });
  }

  /**
   * Puts a filter in force, or none: in the kernel first, so that each call is judged by one of the two.
   *
   * @throws BpfError when the kernel refuses it, and the filter before stays in force; see also {@link changeSlots}
   */
  apply(filter: Filter | undefined, { object, arrays }: FilterTarget): void {
    // Never given twice: calls may have been judged by a filter that then failed.
    const generation = following(this.#given);
    this.#given = generation;
    this.#history.forget(generation);
    const { kernel, refusal } = loadKernelPart(filter, { object, arrays }, generation);
    let sets: FollowedSets | undefined;
    try {
      sets = this.#followSets(filter, kernel);
      const none = slotsWithoutFilter(object, arrays);
      changeSlots([...(this.#kernel?.slots ?? []), ...none], kernel?.slots ?? none, () => {
        object.writeVariable("filter_generation", filter === undefined ? 0 : generation);
      });
    } catch (error) {
      sets?.[Symbol.dispose]();
      kernel?.close();
      throw error;
    }
    this.#sets?.[Symbol.dispose]();
    this.#kernel?.close();
    this.#sets = sets;
    this.#kernel = kernel;
    this.#generation = generation;
    this.#used ||= filter !== undefined;
    this.#history.add(generation, filter, process.hrtime.bigint());
    this.#status = filter && {
      text: filter.text,
      inKernel: kernel !== undefined,
      ...(refusal === undefined ? {} : { refusal }),
    };
  }

  /** Judges the record that the cursor stands at; what passes goes to `out`. */
  judge(cursor: RecordCursor, toRecord: () => TapRecord, out: TapRecord[]): void {
    this.#judge.judge(cursor, toRecord, out);
  }

  /** Judges what was held back for too long; `until`: a time (CLOCK_MONOTONIC, ns) of which all earlier records were judged. */
  expire(out: TapRecord[], until?: bigint): void {
    this.#judge.expire(out, until);
  }

  /** Judges all that is held back: nothing more comes. */
  finish(out: TapRecord[]): void {
    this.#judge.finish(out);
  }

  /** The record with what a filter may ask of it. */
  attribute(record: TapRecord): TapRecord {
    if (this.#containers === undefined || record.cgroup === undefined) return record;
    const attribution = this.#containers.of(record.cgroup.id, record.process.pid);
    return attribution.container === undefined ? record : { ...record, ...attribution };
  }

  /** Lets go of the kernel's part. */
  close(): void {
    this.#sets?.[Symbol.dispose]();
    this.#sets = undefined;
    this.#kernel?.close();
    this.#kernel = undefined;
  }

  #followSets(filter: Filter | undefined, kernel: KernelFilter | undefined): FollowedSets | undefined {
    if (filter === undefined || kernel === undefined || this.#containers === undefined) return undefined;
    return new FollowedSets(filter.sets, this.#containers, (set, cgroups) => {
      kernel.setMembers(set, cgroups);
    });
  }
}

/** A kernel that refuses the programs, which is not expected of any, leaves all of the filter to user space. */
function loadKernelPart(
  filter: Filter | undefined,
  { object, arrays }: FilterTarget,
  generation: number,
): { readonly kernel?: KernelFilter; readonly refusal?: BpfError } {
  if (filter?.kernel === undefined) return {};
  try {
    return { kernel: new KernelFilter(object, arrays, filter.kernel, generation) };
  } catch (error) {
    if (error instanceof BpfError) return { refusal: error };
    throw error;
  }
}

/** Not a multiple of what records have room for: 0 means that no filter has judged them. */
function following(generation: number): number {
  return (generation + 1) % NAMED_GENERATIONS === 0 ? generation + 2 : generation + 1;
}
