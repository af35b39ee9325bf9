/** One direction of one connection, put in order. */
import type { Direction } from "./gen/layout.ts";
import type { DataRecord, GapRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** What the streams of an assembler count together. */
export interface Tally {
  bufferedBytes: number;
  discardedBytes: bigint;
  missingBytes: bigint;
}

/** The bytes from `start` to `end`, which wait for what comes before them. */
interface Piece {
  readonly start: bigint;
  readonly end: bigint;
  readonly record: DataRecord | GapRecord;
  /** When it came. */
  readonly arrival: number;
}

/** Puts the records of one direction in order. Pieces that wait never overlap each other, nor what was given out. */
export class Stream {
  readonly #connection: string;
  readonly #direction: Direction;
  readonly #tally: Tally;
  /** Ordered by `start`, and so by `end`. */
  readonly #waiting: Piece[] = [];
  #next: bigint;

  constructor(connection: string, direction: Direction, next: bigint, tally: Tally) {
    this.#connection = connection;
    this.#direction = direction;
    this.#next = next;
    this.#tally = tally;
  }

  /** Where what was given out ends. */
  get next(): bigint {
    return this.#next;
  }

  /** When the record came that waits behind the first hole; undefined if none waits. */
  get waitingSince(): number | undefined {
    return this.#waiting[0]?.arrival;
  }

  /** Takes a record and gives out what is now in order. Bytes that were known before are discarded. */
  add(record: DataRecord | GapRecord, arrival: number, out: Segment[]): void {
    const end = record.offset + coveredBy(record);
    let from = record.offset > this.#next ? record.offset : this.#next;
    let fresh = 0n;
    // Between the pieces that wait, what this record covers is new.
    for (let index = this.#firstEndingAfter(from); from < end; index++) {
      const piece = this.#waiting[index];
      const to = piece === undefined || piece.start > end ? end : piece.start;
      if (from < to) {
        this.#waiting.splice(index, 0, { start: from, end: to, record, arrival });
        if (record.type === "data") this.#tally.bufferedBytes += Number(to - from);
        fresh += to - from;
        index++;
      }
      from = piece?.end ?? end;
    }
    this.#tally.discardedBytes += end - record.offset - fresh;
    this.#drain(out);
  }

  /** Declares the first hole missing and gives out what is in order behind it. */
  giveUp(out: Segment[]): void {
    const first = this.#waiting[0];
    if (first === undefined) return;
    this.#declareMissing(first.start, out);
    this.#drain(out);
  }

  /** Gives up every hole, and what is missing before `total` if the stream is known to end there. */
  finish(out: Segment[], total: bigint = this.#next): void {
    while (this.#waiting.length > 0) this.giveUp(out);
    this.#declareMissing(total, out);
  }

  /** Says that nothing follows. */
  end(out: Segment[]): void {
    out.push({ type: "end", connection: this.#connection, direction: this.#direction, offset: this.#next });
  }

  #declareMissing(offset: bigint, out: Segment[]): void {
    const size = offset - this.#next;
    if (size <= 0n) return;
    const [connection, direction] = [this.#connection, this.#direction];
    out.push({ type: "gap", connection, direction, offset: this.#next, size, cause: "missing" });
    this.#tally.missingBytes += size;
    this.#next = offset;
  }

  #drain(out: Segment[]): void {
    let count = 0;
    for (const piece of this.#waiting) {
      if (piece.start !== this.#next) break;
      out.push(this.#segment(piece));
      if (piece.record.type === "data") this.#tally.bufferedBytes -= Number(piece.end - piece.start);
      this.#next = piece.end;
      count++;
    }
    this.#waiting.splice(0, count);
  }

  #segment({ start, end, record }: Piece): Segment {
    const base = { connection: this.#connection, direction: this.#direction, offset: start };
    if (record.type === "gap")
      return { type: "gap", ...base, size: end - start, cause: record.cause, record };
    const payload = record.payload ?? new Uint8Array(0);
    const from = Number(start - record.offset);
    return { type: "data", ...base, bytes: payload.subarray(from, from + Number(end - start)), record };
  }

  #firstEndingAfter(offset: bigint): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const piece = this.#waiting[middle];
      if (piece !== undefined && piece.end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many bytes of its direction a record covers, from its offset on. */
export function coveredBy(record: DataRecord | GapRecord): bigint {
  return record.type === "gap" ? record.size : BigInt(record.payload?.length ?? 0);
}
