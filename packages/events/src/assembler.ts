import type { CloseRecord, TapRecord } from "./record.ts";
import type { Segment } from "./segment.ts";
import { Stream, coveredBy } from "./stream.ts";
import type { Tally } from "./stream.ts";

/** The bounds of a {@link StreamAssembler}. */
export interface StreamAssemblerOptions {
  /**
   * How many records late a record may come. When as many records have come after one that has to wait, the bytes before
   * it are declared missing. Default 1024; sensible: 0 (records come in order) to 16384.
   */
  readonly window?: number;
  /** Bytes of payload held back at most. Beyond it, the longest wait is given up. Default 67108864 (64 MiB). */
  readonly maxBufferedBytes?: number;
  /**
   * Connections kept at most, and as many remembered that have closed. Beyond it, the one used least recently is given
   * up and goes. Default 65536.
   */
  readonly maxConnections?: number;
}

/** What a {@link StreamAssembler} holds and has seen. */
export interface StreamAssemblerStats {
  /** Connections with state. */
  readonly connections: number;
  /** Bytes of payload held back behind a hole. */
  readonly bufferedBytes: number;
  /** Bytes that came a second time, or after they were declared missing. They are not given out. */
  readonly discardedBytes: bigint;
  /** Bytes declared missing without a gap record. */
  readonly missingBytes: bigint;
}

interface ConnectionState {
  readonly id: string;
  readonly egress: Stream;
  readonly ingress: Stream;
  /** The close record, while bytes before it are awaited. */
  close?: { readonly record: CloseRecord; readonly arrival: number };
}

/** Where a connection stood when its state went. */
interface Remembered {
  readonly egress: bigint;
  readonly ingress: bigint;
  readonly closed: boolean;
}

/**
 * Turns records of many connections into ordered byte streams with explicit gaps.
 *
 * The segments of one direction begin at offset 0, and each begins where the one before it ends. Bytes that come twice
 * are given out once. Bytes that no record covers become a gap of cause `missing`: when a later record of the direction, or
 * the close record, has waited for the whole window; when a bound is reached; or on `flush()`. So a direction begins
 * with such a gap if the assembler did not get its beginning, and records that a filter left out are gaps too.
 *
 * Time passes only with records: when the source is idle, `flush()` gives out what waits. Memory is bounded by the
 * options; the state of a connection goes when it has closed.
 */
export class StreamAssembler {
  readonly #window: number;
  readonly #maxBufferedBytes: number;
  readonly #maxConnections: number;
  readonly #tally: Tally = { bufferedBytes: 0, discardedBytes: 0n, missingBytes: 0n };
  /** The one used least recently first. */
  readonly #connections = new Map<string, ConnectionState>();
  /** The one that went first first. */
  readonly #gone = new Map<string, Remembered>();
  /** Every record that had to wait, in the order of arrival; those within the window, so bounded by it. */
  readonly #waits: { readonly state: ConnectionState; readonly arrival: number }[] = [];
  #arrival = 0;

  /** Throws RangeError for a bound that is not a whole number in its range. */
  constructor(options: StreamAssemblerOptions = {}) {
    this.#window = bound("window", options.window ?? 1024, 0);
    this.#maxBufferedBytes = bound("maxBufferedBytes", options.maxBufferedBytes ?? 67_108_864, 0);
    this.#maxConnections = bound("maxConnections", options.maxConnections ?? 65_536, 1);
  }

  /** What is held and was seen so far. */
  get stats(): StreamAssemblerStats {
    return { connections: this.#connections.size, ...this.#tally };
  }

  /** Takes a record; returns the segments that are now in order, of this connection and of others. */
  push(record: TapRecord): Segment[] {
    const out: Segment[] = [];
    const arrival = ++this.#arrival;
    const state = this.#stateOf(record, out);
    if (state !== undefined) {
      if (record.type === "data" || record.type === "gap") state[record.direction].add(record, arrival, out);
      else if (record.type === "close") state.close ??= { record, arrival };
      if (isComplete(state)) this.#drop(state, out);
      else if (isWaiting(state)) this.#waits.push({ state, arrival });
    }
    this.#expire(arrival - this.#window, out);
    return out;
  }

  /** Gives up every hole (of one connection, or of all) and returns what waited behind it. */
  flush(connection?: string): Segment[] {
    const out: Segment[] = [];
    const one = this.#connections.get(connection ?? "");
    const states =
      connection === undefined ? [...this.#connections.values()] : one === undefined ? [] : [one];
    for (const state of states) this.#giveUp(state, this.#arrival, out);
    return out;
  }

  /** The state of a record's connection; undefined if it is closed, which makes the record a late or repeated one. */
  #stateOf(record: TapRecord, out: Segment[]): ConnectionState | undefined {
    const { id } = record.connection;
    const known = this.#connections.get(id);
    if (known !== undefined) {
      this.#connections.delete(id);
      this.#connections.set(id, known);
      return known;
    }
    const gone = this.#gone.get(id);
    if (gone?.closed === true) {
      if (record.type === "data" || record.type === "gap") this.#tally.discardedBytes += coveredBy(record);
      return undefined;
    }
    this.#gone.delete(id);
    const state = {
      id,
      egress: new Stream(id, "egress", gone?.egress ?? 0n, this.#tally),
      ingress: new Stream(id, "ingress", gone?.ingress ?? 0n, this.#tally),
    };
    this.#connections.set(id, state);
    const [oldest] = this.#connections.values();
    if (this.#connections.size > this.#maxConnections && oldest !== undefined) this.#drop(oldest, out);
    return state;
  }

  /** Gives up what has waited since `limit` or longer, and the longest waits while too much is held back. */
  #expire(limit: number, out: Segment[]): void {
    let count = 0;
    for (const { state, arrival } of this.#waits) {
      if (arrival > limit && this.#tally.bufferedBytes <= this.#maxBufferedBytes) break;
      this.#giveUp(state, arrival, out);
      count++;
    }
    if (count > 0) this.#waits.splice(0, count);
  }

  /** Gives up the holes of a connection that were waited for since `limit` or longer. */
  #giveUp(state: ConnectionState, limit: number, out: Segment[]): void {
    for (const stream of [state.egress, state.ingress]) {
      while ((stream.waitingSince ?? Infinity) <= limit) stream.giveUp(out);
    }
    // What is waited for before the end may have come by now, or is given up.
    if ((state.close?.arrival ?? Infinity) <= limit || isComplete(state)) this.#drop(state, out);
  }

  /** Gives up all that is awaited of a connection and keeps only where it stood. */
  #drop(state: ConnectionState, out: Segment[]): void {
    // A connection that went and came back has a new state.
    if (this.#connections.get(state.id) !== state) return;
    this.#connections.delete(state.id);
    const { egress, ingress, close } = state;
    egress.finish(out, close?.record.egress.bytes);
    ingress.finish(out, close?.record.ingress.bytes);
    if (close !== undefined) {
      egress.end(out);
      ingress.end(out);
    }
    this.#gone.set(state.id, { egress: egress.next, ingress: ingress.next, closed: close !== undefined });
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > this.#maxConnections && oldest !== undefined) this.#gone.delete(oldest);
  }
}

function isComplete({ egress, ingress, close }: ConnectionState): boolean {
  return (
    close !== undefined &&
    egress.waitingSince === undefined &&
    ingress.waitingSince === undefined &&
    egress.next >= close.record.egress.bytes &&
    ingress.next >= close.record.ingress.bytes
  );
}

/** Whether a connection awaits anything. */
function isWaiting({ egress, ingress, close }: ConnectionState): boolean {
  return egress.waitingSince !== undefined || ingress.waitingSince !== undefined || close !== undefined;
}

function bound(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} has to be a whole number from ${String(least)} on, not ${String(value)}`);
  }
  return value;
}
