import { randomBytes } from "node:crypto";
import { ROOM, type BatchStore, type OnDropped, type StoredBatch, type TakenBatch } from "./store.ts";

/** Holds batches in memory: what is not acknowledged when the process ends is lost. */
export class MemoryStore implements BatchStore {
  readonly limit: number;
  readonly #onDropped: OnDropped;
  /** By number, which is their order. */
  readonly #held = new Map<number, StoredBatch>();
  #bytes = 0;
  #id = newId();
  #last = 0;
  #acknowledged = 0;
  #sent = 0;

  /** `limit`: bytes. */
  constructor(limit: number, onDropped: OnDropped) {
    this.limit = limit;
    this.#onDropped = onDropped;
  }

  get id(): Uint8Array<ArrayBuffer> {
    return this.#id;
  }

  get known(): number {
    return this.#sent;
  }

  get last(): number {
    return this.#last;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get sent(): number {
    return this.#sent;
  }

  get batches(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get memoryBytes(): number {
    return this.#bytes;
  }

  get hasRoom(): boolean {
    return this.#bytes < this.limit * ROOM;
  }

  settle(): Promise<number> {
    return Promise.resolve(this.batches);
  }

  /** Nothing outlives the process: whoever waits for it may still come. */
  dropUnsettled(): void {
    // Nobody could be told.
  }

  makeRoom(): Promise<boolean> {
    return Promise.resolve(false);
  }

  append(batch: StoredBatch): Promise<void> {
    this.#last = batch.sequence;
    this.#held.set(batch.sequence, batch);
    this.#bytes += batch.bytes.length;
    // Those that were sent come first in the map; there are few.
    for (const { sequence, bytes } of this.#held.values()) {
      if (this.#bytes <= this.limit) break;
      if (sequence <= this.#sent) continue;
      this.#remove(sequence);
      this.#onDropped({ cause: "queue_full", bytes, batches: 1 });
    }
    return Promise.resolve();
  }

  next(sequence: number): Promise<StoredBatch | undefined> {
    return Promise.resolve(this.#behind(sequence));
  }

  take(sequence: number): Promise<TakenBatch | undefined> {
    const batch = this.#behind(sequence);
    if (batch === undefined) return Promise.resolve(undefined);
    const again = batch.sequence <= this.#sent;
    this.#sent = Math.max(this.#sent, batch.sequence);
    return Promise.resolve({ ...batch, again });
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    for (const held of this.#held.keys()) {
      if (held > sequence) break;
      this.#remove(held);
    }
  }

  reject(sequence: number): Promise<void> {
    const batch = this.#held.get(sequence);
    this.#remove(sequence);
    if (batch !== undefined) this.#onDropped({ cause: "rejected", bytes: batch.bytes, batches: 1 });
    return Promise.resolve();
  }

  renew(): void {
    this.#id = newId();
  }

  close(): void {
    this.#held.clear();
    this.#bytes = 0;
  }

  #behind(sequence: number): StoredBatch | undefined {
    for (const batch of this.#held.values()) if (batch.sequence > sequence) return batch;
    return undefined;
  }

  #remove(sequence: number): void {
    this.#bytes -= this.#held.get(sequence)?.bytes.length ?? 0;
    this.#held.delete(sequence);
  }
}

function newId(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(randomBytes(16));
}
