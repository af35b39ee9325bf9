import { checkPositive } from "./arguments.ts";
import { EINVAL, ENOSPC, ENOTSUPP, EOPNOTSUPP } from "./errno.ts";
import { BpfError, invalidArgument } from "./errors.ts";
import type { Native, NativeBatch } from "./native.ts";

/** Elements read at once, packed: element i has its key at `i * keySize`, its value at `i * valueBytes`. */
export interface BpfMapBatch {
  count: number;
  keys: Uint8Array;
  values: Uint8Array;
  /** Where the next batch goes on; undefined after the last one. */
  cursor: Uint8Array | undefined;
}

/** What reading in batches needs of a map. */
export interface BatchSource {
  readonly handle: number;
  readonly name: string;
  readonly keySize: number;
  readonly maxEntries: number;
  nextKey(key?: Uint8Array): Uint8Array | undefined;
  get(key: Uint8Array): Uint8Array | undefined;
  delete(key: Uint8Array): boolean;
  /** Runs a native call after checking that the map can be used. */
  run<T>(what: string, action: (native: Native) => T): T;
}

export const DEFAULT_BATCH = 256;
const MAX_BATCH = 1 << 20;
const HASH_CURSOR_BYTES = 8;
const NOTHING = new Uint8Array(0);

/** Batch operations of one map, with the element-by-element way for kernels and map types that have none. */
export class MapBatches {
  readonly #map: BatchSource;
  /** Operations that worked (true), or that the kernel does not have for this map (false). */
  readonly #known: Map<string, boolean> = new Map();

  constructor(map: BatchSource) {
    this.#map = map;
  }

  /** Batch after batch to the end. */
  *all(take: boolean): Generator<BpfMapBatch, void, undefined> {
    let batch = this.read(undefined, DEFAULT_BATCH, take);
    // A hash may gain elements while this runs, but not for ever.
    let left = this.#map.maxEntries * 2;
    yield batch;
    while (batch.cursor !== undefined && left > 0) {
      left -= Math.max(batch.count, 1);
      batch = this.read(batch.cursor, DEFAULT_BATCH, take);
      yield batch;
    }
  }

  read(cursor: Uint8Array | undefined, count: number, take: boolean): BpfMapBatch {
    const what = take ? "take a batch from" : "read a batch of";
    this.#check(`${what} map ${this.#map.name}`, cursor, count);
    let size = Math.min(count, MAX_BATCH, Math.max(this.#map.maxEntries, 1));
    for (;;) {
      let result: NativeBatch | undefined;
      try {
        const read = (native: Native): void => {
          result = native.mapGetBatch(this.#map.handle, cursor, size, take);
        };
        if (!this.attempt(what, read)) return this.#readSlowly(cursor, count, take);
      } catch (error) {
        // One hash bucket is read as a whole: ENOSPC means that it holds more than there was room for.
        if (!(error instanceof BpfError) || error.errno !== ENOSPC || size >= MAX_BATCH) throw error;
        size = Math.min(size * 4, MAX_BATCH);
        continue;
      }
      if (result === undefined) return { count: 0, keys: NOTHING, values: NOTHING, cursor: undefined };
      const { keys, values } = result;
      return { count: result.count, keys, values, cursor: result.done ? undefined : result.cursor };
    }
  }

  /** Runs a batch operation; false when this map has none (which is remembered). */
  attempt(what: string, action: (native: Native) => void): boolean {
    const known = this.#known.get(what);
    if (known === false) return false;
    try {
      this.#map.run(what, action);
      this.#known.set(what, true);
      return true;
    } catch (error) {
      const lacking = [ENOTSUPP, EOPNOTSUPP, EINVAL];
      if (known === true || !(error instanceof BpfError) || !lacking.includes(error.errno ?? 0)) throw error;
      this.#known.set(what, false);
      return false;
    }
  }

  #readSlowly(cursor: Uint8Array | undefined, count: number, take: boolean): BpfMapBatch {
    const keys: Uint8Array[] = [];
    const values: Uint8Array[] = [];
    let key = cursor;
    // Elements that vanish between the two calls count as attempts, or a busy map could hold this for ever.
    for (let attempts = 0; keys.length < count && attempts < count + this.#map.maxEntries; attempts++) {
      key = this.#map.nextKey(take ? undefined : key);
      if (key === undefined) break;
      const value = this.#map.get(key);
      if (value === undefined || (take && !this.#map.delete(key))) continue;
      keys.push(key);
      values.push(value);
    }
    return { count: keys.length, keys: concat(keys), values: concat(values), cursor: key };
  }

  #check(operation: string, cursor: Uint8Array | undefined, count: number): void {
    checkPositive(operation, "count", count);
    if (cursor === undefined) return;
    const { keySize } = this.#map;
    const sizes = [keySize, Math.max(keySize, HASH_CURSOR_BYTES)];
    if (cursor instanceof Uint8Array && sizes.includes(cursor.byteLength)) return;
    throw invalidArgument(operation, "what is given as cursor is not one of this map's");
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.byteLength;
  }
  return all;
}
