import { ATTRIBUTES, type Containers } from "@tcptracker/containers";
import type { RecordCursor, TapRecord } from "@tcptracker/events";
import { compile, whyUnfit, type Filter } from "@tcptracker/filter";
import { BpfError, type BpfObject } from "@tcptracker/libbpf";
import { CallJudge, type Dropped, type Judgement } from "./call-judge.ts";
import { FollowedSets } from "./followed-sets.ts";
import { KernelFilter, removeFilter, type StageArray } from "./kernel-filter.ts";

/** What records have room for of a generation. */
const JUDGE_BITS = 256;

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
  /** By what records name them. Small, and only ever replaced: records of earlier filters may still come. */
  readonly #judgements = new Map<number, Judgement>();
  #generation = 0;
  #current: { readonly filter: Filter; readonly status: FilterStatus } | undefined;
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
    this.#judge = new CallJudge((generation) => this.#judgementOf(generation));
  }

  /** Whether records have to be judged at all. */
  get isUsed(): boolean {
    return this.#used;
  }

  get status(): FilterStatus | undefined {
    return this.#current?.status;
  }

  /** Of the filter in force, as the kernel has it. */
  get generation(): number {
    return this.#generation;
  }

  get dropped(): Dropped {
    return this.#judge.dropped;
  }

  get openCalls(): number {
    return this.#judge.openCalls;
  }

  /**
   * Checks and splits a filter.
   *
   * @throws FilterError for a text that is none
   */
  compile(text: string): Filter {
    const sets = this.#containers === undefined ? [] : ATTRIBUTES;
    return compile(text, { snaplen: this.#snaplen, unfit: whyUnfit, sets });
  }

  /** Puts a filter in force, or none: in the kernel first, so that each call is judged by one of the two. */
  apply(filter: Filter | undefined, { object, arrays }: FilterTarget): void {
    const generation = following(this.#generation);
    const before = this.#kernel;
    const { kernel, refusal } = loadKernelPart(filter, { object, arrays }, generation);
    const sets = this.#followSets(filter, kernel);
    if (kernel === undefined) removeFilter(object, arrays);
    else kernel.install();
    object.writeVariable("filter_generation", filter === undefined ? 0 : generation);
    this.#sets?.[Symbol.dispose]();
    before?.close();
    this.#sets = sets;
    this.#kernel = kernel;
    this.#generation = generation;
    this.#used ||= filter !== undefined;
    if (filter === undefined) {
      this.#current = undefined;
      return;
    }
    this.#judgements.set(generation % JUDGE_BITS, filter);
    this.#current = {
      filter,
      status: {
        text: filter.text,
        inKernel: kernel !== undefined,
        ...(refusal === undefined ? {} : { refusal }),
      },
    };
  }

  /** Judges the record that the cursor stands at; what passes goes to `out`. */
  judge(cursor: RecordCursor, toRecord: () => TapRecord, out: TapRecord[]): void {
    this.#judge.judge(cursor, toRecord, out);
  }

  /** Judges what was held back for too long, before `now` (CLOCK_MONOTONIC, ns), or all of it. */
  expire(out: TapRecord[], now?: bigint): void {
    this.#judge.expire(out, now);
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

  #judgementOf(generation: number): Judgement | undefined {
    return (generation === 0 ? undefined : this.#judgements.get(generation)) ?? this.#current?.filter;
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
  return (generation + 1) % JUDGE_BITS === 0 ? generation + 2 : generation + 1;
}
