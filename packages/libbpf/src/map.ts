import { checkBytes, checkString, checkUint32 } from "./arguments.ts";
import { loadedAddon } from "./addon.ts";
import { BpfError, closedError, invalidArgument } from "./errors.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import { mapTypeName, mapTypeNumber, type MapType } from "./names.ts";
import { DEFAULT_BATCH, MapBatches, type BatchSource, type BpfMapBatch } from "./map-batch.ts";
import type { Native, NativeMapInfo } from "./native.ts";

/** What a map belongs to: its object, or itself when it was created on its own. */
export interface MapOwner {
  readonly closed: boolean;
  readonly loaded: boolean;
}

/** A key: bytes, or a number where the key has 4 bytes (array indexes and the like). */
export type BpfMapKey = Uint8Array | number;

/** Flags of {@link BpfMap.set}. */
export const UpdateFlag = {
  /** Create or replace. */
  Any: 0,
  /** Create; EEXIST when it is there. */
  NoExist: 1,
  /** Replace; ENOENT when it is not there. */
  Exist: 2,
} as const;

/** Properties of a map to create. */
export interface BpfMapCreateOptions {
  type: MapType;
  /** Bytes. 0 for queues, stacks, ring buffers. */
  keySize: number;
  /** Bytes. 0 for ring buffers. */
  valueSize: number;
  /** For ring buffers the size in bytes, a power of two and a multiple of the page size. */
  maxEntries: number;
  /** BPF_F_* (default 0). */
  flags?: number;
  /** At most 15 bytes; letters, digits, "_" and ".". */
  name?: string;
  /** A map that says what a map-in-map's elements look like. */
  innerMap?: BpfMap;
}

const NO_KEY = new Uint8Array(0);

const lost = new FinalizationRegistry<number>((handle) => loadedAddon()?.mapClose(handle));

/** A map: of an object, or created on its own. Keys and values are bytes in the machine's byte order. */
export class BpfMap {
  readonly name: string;
  readonly #handle: number;
  readonly #owner: MapOwner | undefined;
  #closed = false;
  #info: NativeMapInfo;
  readonly #batches: MapBatches;

  /** @internal Made by {@link BpfObject} and {@link BpfMap.create}. */
  constructor(handle: number, name: string, owner: MapOwner | undefined) {
    this.name = name;
    this.#handle = handle;
    this.#owner = owner;
    this.#batches = new MapBatches(this.#source());
    this.#info = invokeQuiet(`read the properties of map ${name}`, "ERR_BPF_MAP", (native) =>
      native.mapInfo(handle),
    );
    if (owner === undefined) lost.register(this, handle, this);
  }

  /** Creates a map that belongs to no object. Close it, or let the garbage collector do it. */
  static create(options: BpfMapCreateOptions): BpfMap {
    const { type, keySize, valueSize, maxEntries, flags = 0, name = "", innerMap } = options;
    const operation = `create a map of type ${type}`;
    const number = mapTypeNumber(operation, type);
    for (const [what, value] of Object.entries({ keySize, valueSize, maxEntries, flags })) {
      checkUint32(operation, what, value);
    }
    if (name !== "") checkString(operation, "the name", name);
    if (!/^[\w.]{0,15}$/.test(name)) {
      throw invalidArgument(
        operation,
        `the kernel takes no name such as "${name}"`,
        "At most 15 of A-Z a-z 0-9 _ .",
      );
    }
    const handle = invoke(operation, "ERR_BPF_MAP", (native) =>
      native.mapCreate(number, name, keySize, valueSize, maxEntries, flags, innerMap?.fd),
    );
    return new BpfMap(handle, name, undefined);
  }

  get type(): MapType {
    return mapTypeName(this.#refresh().type);
  }

  /** Bytes of a key. */
  get keySize(): number {
    return this.#refresh().keySize;
  }

  /** Bytes of a value; of one CPU's value for per-CPU maps. */
  get valueSize(): number {
    return this.#refresh().valueSize;
  }

  /** Bytes that {@link get} returns: `valueSize`, or for per-CPU maps every CPU's value, each rounded up to 8. */
  get valueBytes(): number {
    return this.#refresh().valueBytes;
  }

  get maxEntries(): number {
    return this.#refresh().maxEntries;
  }

  /** File descriptor; -1 before the load. Owned by the map: do not close it. */
  get fd(): number {
    this.#open(this.#operation("read the fd of"));
    return this.#refresh().fd;
  }

  get closed(): boolean {
    return this.#closed || (this.#owner?.closed ?? false);
  }

  /** @internal */
  get handle(): number {
    return this.#handle;
  }

  /** The value, or undefined when there is none. Queues and stacks take an empty key and give their head. */
  get(key: BpfMapKey = NO_KEY): Uint8Array | undefined {
    return this.#element("read", (native) => native.mapGet(this.#handle, this.#key(key), 0, false));
  }

  /** Reads and deletes (hash maps from Linux 5.14; queues and stacks). */
  take(key: BpfMapKey = NO_KEY): Uint8Array | undefined {
    return this.#element("take from", (native) => native.mapGet(this.#handle, this.#key(key), 0, true));
  }

  /** Writes a value of exactly `valueBytes` bytes. */
  set(key: BpfMapKey, value: Uint8Array, options: { flags?: number } = {}): void {
    const operation = this.#operation("write");
    checkBytes(operation, "the value", value);
    const { valueBytes } = this;
    if (value.byteLength !== valueBytes) {
      throw invalidArgument(operation, `a value of ${value.byteLength} bytes, but values have ${valueBytes}`);
    }
    this.#element("write", (native) =>
      native.mapSet(this.#handle, this.#key(key), value, options.flags ?? 0),
    );
  }

  /** Puts a program into a prog_array, or a map into a map of maps. */
  setFd(key: BpfMapKey, target: { readonly fd: number }, options: { flags?: number } = {}): void {
    if (target.fd < 0) {
      throw new BpfError("ERR_BPF_NOT_LOADED", {
        operation: this.#operation("write"),
        reason: "what is to be put into it is not loaded",
      });
    }
    this.set(key, new Uint8Array(new Int32Array([target.fd]).buffer), options);
  }

  /** One value per possible CPU, `valueSize` rounded up to 8 bytes each, or undefined when there is none. */
  getPerCpu(key: BpfMapKey): Uint8Array[] | undefined {
    const stride = this.#perCpuStride("read");
    const all = this.get(key);
    if (all === undefined) return undefined;
    return Array.from({ length: all.byteLength / stride }, (_, cpu) =>
      all.subarray(cpu * stride, (cpu + 1) * stride),
    );
  }

  /** Writes one value per possible CPU, each of `valueSize` bytes, rounded up to 8 or not. */
  setPerCpu(key: BpfMapKey, values: readonly Uint8Array[], options: { flags?: number } = {}): void {
    const operation = this.#operation("write");
    const stride = this.#perCpuStride("write");
    const cpus = this.valueBytes / stride;
    if (values.length !== cpus) throw invalidArgument(operation, `${values.length} values for ${cpus} CPUs`);
    const all = new Uint8Array(this.valueBytes);
    for (const [cpu, value] of values.entries()) {
      checkBytes(operation, "a value", value);
      if (value.byteLength !== this.valueSize && value.byteLength !== stride) {
        throw invalidArgument(
          operation,
          `the value of CPU ${cpu} has ${value.byteLength} bytes, not ${this.valueSize}`,
        );
      }
      all.set(value, cpu * stride);
    }
    this.set(key, all, options);
  }

  /** Deletes; false when there was no such element. */
  delete(key: BpfMapKey): boolean {
    return this.#element("delete from", (native) => native.mapDelete(this.#handle, this.#key(key)));
  }

  /** The key after `key` in the kernel's order, or the first one; undefined at the end. */
  nextKey(key?: BpfMapKey): Uint8Array | undefined {
    return this.#element("iterate", (native) =>
      native.mapNextKey(this.#handle, key === undefined ? undefined : this.#key(key)),
    );
  }

  /** The keys. What is added or deleted meanwhile may or may not show, but nothing is given twice. */
  *keys(): Generator<Uint8Array, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  /**
   * Keys and values (all CPUs' for per-CPU maps), read in batches where the kernel can. What is added or deleted
   * meanwhile, by this loop too, may or may not show, but nothing is given twice and the loop ends.
   */
  *entries(): Generator<[key: Uint8Array, value: Uint8Array], void, undefined> {
    const seen = new Set<string>();
    const { keySize, valueBytes } = this;
    for (const batch of this.#batches.all(false)) {
      for (let i = 0; i < batch.count; i++) {
        const key = batch.keys.subarray(i * keySize, (i + 1) * keySize);
        // A growing hash moves elements between buckets, and a deleted key restarts the kernel's walk.
        const name = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
        if (seen.has(name)) continue;
        seen.add(name);
        yield [key, batch.values.subarray(i * valueBytes, (i + 1) * valueBytes)];
      }
    }
  }

  /**
   * Reads up to about `count` elements at once, from the beginning or from where `cursor` says.
   * Falls back to element by element where the kernel has no batches for this map.
   */
  getBatch(options: { cursor?: Uint8Array | undefined; count?: number } = {}): BpfMapBatch {
    return this.#batches.read(options.cursor, options.count ?? DEFAULT_BATCH, false);
  }

  /** The same, deleting what it returns. */
  takeBatch(options: { cursor?: Uint8Array | undefined; count?: number } = {}): BpfMapBatch {
    return this.#batches.read(options.cursor, options.count ?? DEFAULT_BATCH, true);
  }

  /** Writes many elements: keys and values packed one after the other. */
  setBatch(keys: Uint8Array, values: Uint8Array, options: { flags?: number } = {}): void {
    const operation = this.#operation("write a batch to");
    checkBytes(operation, "keys", keys);
    checkBytes(operation, "values", values);
    const { keySize, valueBytes } = this;
    const count = keySize === 0 ? 0 : keys.byteLength / keySize;
    if (!Number.isInteger(count) || keySize === 0 || values.byteLength !== count * valueBytes) {
      throw invalidArgument(
        operation,
        `${keys.byteLength} bytes of keys and ${values.byteLength} of values`,
        `A key has ${keySize} bytes, a value ${valueBytes}`,
      );
    }
    if (count === 0) return;
    const flags = options.flags ?? 0;
    if (
      this.#batches.attempt("write a batch to", (native) =>
        native.mapSetBatch(this.#handle, keys, values, flags),
      )
    )
      return;
    for (let i = 0; i < count; i++) {
      const value = values.subarray(i * valueBytes, (i + 1) * valueBytes);
      this.set(keys.subarray(i * keySize, (i + 1) * keySize), value, options);
    }
  }

  /** Deletes everything (hash maps) and returns how many elements there were. */
  clear(): number {
    let deleted = 0;
    for (const batch of this.#batches.all(true)) deleted += batch.count;
    return deleted;
  }

  /** Makes the map read-only for user space, for good. */
  freeze(): void {
    this.#element("freeze", (native) => native.mapFreeze(this.#handle));
  }

  /** Closes a map made by {@link create}; an object's map is closed by its object. Doing it again does nothing. */
  close(): void {
    if (this.#closed || this.#owner !== undefined) return;
    this.#closed = true;
    lost.unregister(this);
    loadedAddon()?.mapClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #source(): BatchSource {
    // Arrow functions, not the map itself: what batches may use stays out of the public face.
    const property = (name: "keySize" | "maxEntries"): number => this[name];
    return {
      handle: this.#handle,
      name: this.name,
      get keySize() {
        return property("keySize");
      },
      get maxEntries() {
        return property("maxEntries");
      },
      nextKey: (key) => this.nextKey(key),
      get: (key) => this.get(key),
      delete: (key) => this.delete(key),
      run: (what, action) => this.#element(what, action),
    };
  }

  #element<T>(what: string, action: (native: Native) => T): T {
    const operation = this.#operation(what);
    this.#open(operation);
    if (!(this.#owner?.loaded ?? true)) {
      throw new BpfError("ERR_BPF_NOT_LOADED", {
        operation,
        reason: "its object is not loaded",
        hint: "Call load() first",
      });
    }
    return invokeQuiet(operation, "ERR_BPF_MAP", action);
  }

  #key(key: BpfMapKey): Uint8Array {
    const operation = this.#operation("use a key of");
    const { keySize } = this.#info;
    if (typeof key === "number") {
      if (keySize !== 4) throw invalidArgument(operation, `a number as key, but keys have ${keySize} bytes`);
      checkUint32(operation, "the key", key);
      return new Uint8Array(new Uint32Array([key]).buffer);
    }
    checkBytes(operation, "the key", key);
    if (key.byteLength !== keySize) {
      throw invalidArgument(operation, `a key of ${key.byteLength} bytes, but keys have ${keySize}`);
    }
    return key;
  }

  #perCpuStride(what: string): number {
    if (!this.type.includes("percpu")) {
      throw invalidArgument(this.#operation(what), `a map of type ${this.type} has no values per CPU`);
    }
    return (this.valueSize + 7) & ~7;
  }

  /** Sizes can change until the load, and are fixed from then on. */
  #refresh(): NativeMapInfo {
    if (!this.closed && this.#info.fd < 0) {
      this.#info = invokeQuiet(this.#operation("read the properties of"), "ERR_BPF_MAP", (native) =>
        native.mapInfo(this.#handle),
      );
    }
    return this.#info;
  }

  #open(operation: string): void {
    if (this.closed) throw closedError(operation, this.#owner === undefined ? "it" : "its object");
  }

  #operation(what: string): string {
    return `${what} map ${this.name}`;
  }
}
