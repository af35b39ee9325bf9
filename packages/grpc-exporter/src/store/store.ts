import type { ExportGapCause } from "@tcptracker/events";

/** A batch on its way: the bytes of an ExportRequest. */
export interface StoredBatch {
  /** Counts up from 1. */
  readonly sequence: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** One that is about to be sent. */
export interface TakenBatch extends StoredBatch {
  /** Whether it was taken before. */
  readonly again: boolean;
}

/** What is given up: with its bytes where they are known. */
export interface Dropped {
  readonly cause: ExportGapCause;
  /** Undefined when they could not be read. */
  readonly bytes: Uint8Array | undefined;
  /** Batches that this is about. */
  readonly batches: number;
}

/** Told of each batch that is given up. */
export type OnDropped = (dropped: Dropped) => void;

/** Of the bound, what may be in use while there is room for what need not be: else it would push out what waits. */
export const ROOM = 0.9;

/**
 * Holds batches until a collector has acknowledged them, within a bound: beyond it the oldest are given up. Those that
 * were sent and not acknowledged are kept: whether they arrived is known only when the collector can be asked, and what is
 * declared missing must not have been delivered. They are few, as the window of what is sent is small.
 */
export interface BatchStore {
  /** 16 bytes: whose numbers these are. */
  readonly id: Uint8Array<ArrayBuffer>;
  /** Up to here a collector may know batches by these numbers: those that were sent or are left by an earlier process. */
  readonly known: number;
  /** The number of the last batch that was ever appended; 0 if none was. */
  readonly last: number;
  /** Up to here batches are acknowledged. */
  readonly acknowledged: number;
  /** Up to here batches were sent, in this life of the store or another one. */
  readonly sent: number;
  /** Batches held. */
  readonly batches: number;
  /** Bytes that count against the bound. */
  readonly bytes: number;
  /** The bound. */
  readonly limit: number;
  /** Bytes in memory; of a spool, those that are on disk as well included. */
  readonly memoryBytes: number;
  /** Whether there is room to declare losses in. */
  readonly hasRoom: boolean;

  /**
   * Takes a batch, whose number is above all others. Resolves when it is safe there. `beyondLimit`: gives up nothing for it;
   * for the last batch, which says what was given up.
   */
  append(batch: StoredBatch, beyondLimit?: boolean): Promise<void>;
  /** The first batch behind `sequence`; undefined if there is none. */
  next(sequence: number): Promise<StoredBatch | undefined>;
  /**
   * The same, to be sent: it counts as sent from the moment on that it is taken. It would else be given up and declared missing
   * on its way to whoever sends it. Rejects when it must not be sent, because that could not be noted.
   */
  take(sequence: number): Promise<TakenBatch | undefined>;
  /** Forgets all batches up to `sequence`. */
  acknowledge(sequence: number): void;
  /** Gives up a batch that nobody wants. */
  reject(sequence: number): Promise<void>;
  /** Takes a new id, because others have used these numbers under this one. Throws when that cannot be noted. */
  renew(): void;
  /** Puts what it holds where it outlives the process, and resolves to the number of batches for which there is no such place. */
  settle(): Promise<number>;
  /** Gives up those of them that were not sent. */
  dropUnsettled(): void;
  /** Gives up the oldest of what has such a place, so that something else can have it; false if there is nothing to give up. */
  makeRoom(): Promise<boolean>;
  /** Releases what it holds; what is on disk stays there. */
  close(): void;
}
