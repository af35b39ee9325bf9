import type { RecordCursor } from "@tcptracker/events";
import type { Judgement } from "./call-judge.ts";

/** What records have room for of a generation. */
export const NAMED_GENERATIONS = 256;

/** Changes of the filter that are remembered; records that are older than all of them are judged by the first one. */
const MOST_CHANGES = 256;

/** What of a record says which filter is for it. */
export type Judged = Pick<RecordCursor, "filterGeneration" | "time">;

interface Change {
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly since: bigint;
  /** Undefined: from then on everything passes. */
  readonly judgement: Judgement | undefined;
}

/**
 * The filters that a tap has had: records may be judged long after they were written, and a filter is for what happens while
 * it is in force.
 */
export class FilterHistory {
  /** By what records name them. */
  readonly #named = new Map<number, Judgement | undefined>();
  /** The latest one last. */
  readonly #changes: Change[] = [{ since: 0n, judgement: undefined }];

  /** Notes that `judgement` is in force from a time on. Records that name the generation have been judged by its part in the kernel. */
  add(generation: number, judgement: Judgement | undefined, since: bigint): void {
    this.#named.set(generation % NAMED_GENERATIONS, judgement);
    this.#changes.push({ since, judgement });
    if (this.#changes.length > MOST_CHANGES) this.#changes.shift();
  }

  /** Forgets who had the name before; it is given again, and not in force yet. */
  forget(generation: number): void {
    this.#named.delete(generation % NAMED_GENERATIONS);
  }

  /** The filter that the record names or, where no program of a filter has judged it, the one in force at its time. */
  judgementOf(record: Judged): Judgement | undefined {
    const { filterGeneration } = record;
    if (filterGeneration !== 0 && this.#named.has(filterGeneration)) return this.#named.get(filterGeneration);
    const inForce = this.#inForceAt(record);
    // A filter that never was in force has judged it, in the middle of a change that failed: the one that stayed does again.
    if (filterGeneration !== 0 && inForce !== undefined) return { ...inForce, residual: inForce.whole };
    return inForce;
  }

  #inForceAt(record: Judged): Judgement | undefined {
    const { time } = record;
    return (this.#changes.findLast(({ since }) => since <= time) ?? this.#changes[0])?.judgement;
  }
}
