import type { RecordCursor, TapRecord } from "@tcptracker/events";
import { compile, whyUnfit, type Filter } from "@tcptracker/filter";
import { BpfError, type BpfObject } from "@tcptracker/libbpf";
import { CallJudge, type Dropped } from "./call-judge.ts";
import { FilterHistory, NAMED_GENERATIONS } from "./filter-history.ts";
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

/** The filter of a tap: in the kernel, above it, and how one follows on another. */
export class TapFilter {
  readonly #snaplen: number;
  readonly #judge: CallJudge;
  /** Records of earlier filters may still come. */
  readonly #history = new FilterHistory();
  #given = 0;
  #generation = 0;
  #status: FilterStatus | undefined;
  #kernel: KernelFilter | undefined;
  #used = false;

  /** @param snaplen - payload bytes kept per call: what `payload` is */
  constructor(snaplen: number) {
    this.#snaplen = snaplen;
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
    return compile(text, { snaplen: this.#snaplen, unfit: whyUnfit });
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
    try {
      const none = slotsWithoutFilter(object, arrays);
      changeSlots([...(this.#kernel?.slots ?? []), ...none], kernel?.slots ?? none, () => {
        object.writeVariable("filter_generation", filter === undefined ? 0 : generation);
      });
    } catch (error) {
      kernel?.close();
      throw error;
    }
    this.#kernel?.close();
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

  /** Lets go of the kernel's part. */
  close(): void {
    this.#kernel?.close();
    this.#kernel = undefined;
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
