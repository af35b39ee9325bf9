import type { DataRecord, GapCause, GapRecord, RecordCursor, TapRecord } from "@tcptracker/events";
import type { Predicate } from "@tcptracker/filter";
import type { Judged } from "./filter-history.ts";
import { OpenCall } from "./open-call.ts";

/** What user space decides of a filter. */
export interface Judgement {
  /** Of calls that the kernel has let through; absent: nothing is left to decide. */
  readonly residual?: Predicate;
  /** Of what the kernel has not judged. */
  readonly whole: Predicate;
  /** Of gaps that no call has made. */
  readonly maybe: Predicate;
}

/** What user space has dropped. */
export interface Dropped {
  readonly records: number;
  readonly calls: number;
  /** Payload bytes of the data records among them. */
  readonly payloadBytes: bigint;
  /** Bytes that the gap records among them declared. */
  readonly gapBytes: bigint;
}

/**
 * Payload bytes that may be held back, and calls: beyond, the oldest is judged by what is known of it. Of as many calls the
 * verdict is kept for what may still come of them.
 */
const MOST_HELD = 64 * 1024 * 1024;
const MOST_CALLS = 4096;

/** How much newer another record may be until a call is judged by what is known of it, in nanoseconds. */
const LONGEST = 1_000_000_000n;

/** Causes of gaps that no single call has made. */
const NO_CALL: ReadonlySet<GapCause> = new Set(["ring_full", "unseen"]);

/**
 * The user-space rest of a filter: judges each call once, with all of its records, and holds them back until it can. What the
 * kernel has decided is not decided again.
 */
export class CallJudge {
  readonly #judgementOf: (record: Judged) => Judgement | undefined;
  /** By connection and direction; the oldest first. */
  readonly #open = new Map<string, readonly OpenCall[]>();
  /** Those of them that hold records back, and those that are judged but not complete; the oldest first. */
  readonly #waiting = new Set<OpenCall>();
  readonly #judged = new Set<OpenCall>();
  #held = 0;
  /** Time of the newest record, as long as calls are waiting. */
  #newest = 0n;
  readonly #dropped = { records: 0, calls: 0, payloadBytes: 0n, gapBytes: 0n };

  /** @param judgementOf - the filter that is for a record; undefined: everything passes */
  constructor(judgementOf: (record: Judged) => Judgement | undefined) {
    this.#judgementOf = judgementOf;
  }

  get dropped(): Dropped {
    return this.#dropped;
  }

  /** How many calls have records that are held back. */
  get waitingCalls(): number {
    return this.#waiting.size;
  }

  /** Judges the record that the cursor stands at; what passes goes to `out`, in order. */
  judge(cursor: RecordCursor, toRecord: () => TapRecord, out: TapRecord[]): void {
    const { type, cause, filterGeneration } = cursor;
    const judgement = this.#judgementOf(cursor);
    if (this.#waiting.size > 0) this.#advance(cursor.time);
    // Its calls are over, whatever has become of the rest of them.
    if (type === "close" && this.#open.size > 0) this.#finishConnection(cursor.connectionId, out);
    if (judgement === undefined) {
      out.push(toRecord());
    } else if (type === "open" || type === "close") {
      this.#pass(judgement.whole(cursor), toRecord, out);
    } else if (cause !== undefined && NO_CALL.has(cause)) {
      this.#pass(judgement.maybe(cursor), toRecord, out);
    } else {
      const accepts = filterGeneration === 0 ? judgement.whole : judgement.residual;
      if (accepts === undefined) out.push(toRecord());
      else this.#judgeCall(cursor, accepts, toRecord, out);
    }
  }

  /**
   * Judges what has been held back for longer than a call takes. By the time of records: they may be judged long after they
   * were written, and then the rest of a call is as late as its beginning.
   *
   * @param until - a time (CLOCK_MONOTONIC, ns) of which all earlier records have been judged
   */
  expire(out: TapRecord[], until = 0n): void {
    this.#advance(until);
    for (const call of this.#waiting) if (this.#newest - call.time > LONGEST) this.#settle(call, out);
  }

  /** Judges all that is held back: nothing more comes. */
  finish(out: TapRecord[]): void {
    for (const calls of this.#open.values()) for (const call of calls) this.#finish(call, out);
  }

  #advance(time: bigint): void {
    if (time > this.#newest) this.#newest = time;
  }

  #pass(accepted: boolean, toRecord: () => TapRecord, out: TapRecord[]): void {
    const record = toRecord();
    if (accepted) out.push(record);
    else this.#drop(record);
  }

  #judgeCall(cursor: RecordCursor, accepts: Predicate, toRecord: () => TapRecord, out: TapRecord[]): void {
    const key = `${cursor.connectionId} ${cursor.direction ?? ""}`;
    const known = this.#open.size > 0 ? this.#find(key, cursor, out) : undefined;
    if (known === undefined && cursor.type === "data" && cursor.captured === cursor.sizeNumber) {
      // Most calls are one record, and are judged where they are.
      const accepted = accepts(cursor);
      if (!accepted) this.#countCall();
      this.#pass(accepted, toRecord, out);
      return;
    }
    const call = known ?? this.#begin(new OpenCall(key, cursor, accepts));
    this.#held -= call.held;
    // A record of another type has no direction, and so does not come here.
    call.add(toRecord() as DataRecord | GapRecord);
    this.#held += call.held;
    if (call.isComplete) this.#finish(call, out);
    else if (call.isDecidable) this.#settle(call, out);
    for (const oldest of this.#waiting) {
      if (this.#held <= MOST_HELD && this.#waiting.size <= MOST_CALLS) break;
      this.#settle(oldest, out);
    }
  }

  /** The call of the record, if records of it have come before. What its thread did before that is over. */
  #find(key: string, { tid, time }: RecordCursor, out: TapRecord[]): OpenCall | undefined {
    const calls = this.#open.get(key) ?? [];
    for (const call of calls) if (call.tid === tid && call.time !== time) this.#finish(call, out);
    return calls.find((call) => call.tid === tid && call.time === time);
  }

  #begin(call: OpenCall): OpenCall {
    this.#open.set(call.key, [...(this.#open.get(call.key) ?? []), call]);
    this.#waiting.add(call);
    this.#advance(call.time);
    return call;
  }

  /** Passes on what was held back, or drops it. */
  #release(call: OpenCall, out: TapRecord[]): void {
    const isNew = !call.isJudged;
    const { verdict } = call;
    if (isNew && !verdict) this.#countCall();
    for (const record of call.take()) {
      if (verdict) out.push(record);
      else this.#drop(record);
    }
  }

  /** Judges it by what there is of it; what is still to come goes the same way. */
  #settle(call: OpenCall, out: TapRecord[]): void {
    this.#held -= call.held;
    this.#release(call, out);
    this.#waiting.delete(call);
    this.#judged.add(call);
    if (this.#judged.size <= MOST_CALLS) return;
    const [oldest] = this.#judged;
    if (oldest !== undefined) this.#forget(oldest);
  }

  #finish(call: OpenCall, out: TapRecord[]): void {
    this.#held -= call.held;
    this.#release(call, out);
    this.#forget(call);
  }

  #finishConnection(connection: string, out: TapRecord[]): void {
    for (const direction of ["egress", "ingress"])
      for (const call of this.#open.get(`${connection} ${direction}`) ?? []) this.#finish(call, out);
  }

  #forget(call: OpenCall): void {
    const others = (this.#open.get(call.key) ?? []).filter((other) => other !== call);
    if (others.length > 0) this.#open.set(call.key, others);
    else this.#open.delete(call.key);
    this.#waiting.delete(call);
    this.#judged.delete(call);
  }

  #countCall(): void {
    this.#dropped.calls++;
  }

  #drop(record: TapRecord): void {
    this.#dropped.records++;
    if (record.type === "data") this.#dropped.payloadBytes += BigInt(record.payload?.length ?? 0);
    else if (record.type === "gap") this.#dropped.gapBytes += record.size;
  }
}
