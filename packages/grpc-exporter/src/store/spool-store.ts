import { mkdirSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { ExportError } from "../errors.ts";
import { lockPath } from "./path-lock.ts";
import { deadBytes, SpoolFiles, type SpoolFile } from "./spool-files.ts";
import { SpoolState } from "./spool-state.ts";
import { ROOM, type BatchStore, type OnDropped, type StoredBatch, type TakenBatch } from "./store.ts";

/** Bytes of a file that nobody wants any more, for which it is written anew when there is no room else. */
const LEAST_DEAD = 64 * 1024;

/** A batch that is held: on disk, and in memory while there is room for it; or in memory only, because the disk did not take it. */
interface Entry {
  file: SpoolFile | undefined;
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

export interface SpoolOptions {
  readonly directory: string;
  /** Bytes on disk. */
  readonly limit: number;
  /** Bytes of batches that are kept in memory: so that they need not be read back, or because the disk does not take them. */
  readonly memory: number;
  /** Told why a batch could not be written. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Holds batches in files, so that they outlive this process, also when it is killed. What is written is in the kernel's
 * hands and not forced to the disk: a crash of the machine may lose the last seconds.
 */
export class SpoolStore implements BatchStore {
  readonly limit: number;
  readonly #memory: number;
  readonly #onDropped: OnDropped;
  readonly #onError: (error: unknown) => void;
  readonly #lock: Server;
  readonly #state: SpoolState;
  /** By number, which is their order. */
  readonly #entries = new Map<number, Entry>();
  readonly #files: SpoolFiles;
  /** Batches that are in memory only, in order, and their bytes. What comes later is, too: numbers on disk only rise. */
  readonly #homeless = new Set<number>();
  #homelessBytes = 0;
  #memoryBytes = 0;
  #last: number;
  /** The number of the last batch that an earlier process has left. */
  #recovered = 0;
  #acknowledged: number;
  #sent: number;

  private constructor(options: SpoolOptions, lock: Server, state: SpoolState, onDropped: OnDropped) {
    this.limit = options.limit;
    this.#files = new SpoolFiles(options.directory, options.limit);
    this.#memory = options.memory;
    this.#onDropped = onDropped;
    this.#onError = options.onError ?? (() => undefined);
    this.#lock = lock;
    this.#state = state;
    this.#acknowledged = state.acknowledged;
    this.#sent = state.sent;
    this.#last = Math.max(state.acknowledged, state.sent);
  }

  /**
   * Opens a spool, and what an earlier process has left in it.
   *
   * @throws {@link ExportError} ERR_EXPORT_SPOOL when the directory cannot be used
   */
  static async open(options: SpoolOptions, onDropped: OnDropped): Promise<SpoolStore> {
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o700 });
      const held = await lock(options.directory);
      const state = new SpoolState(join(options.directory, "state"));
      const store = new SpoolStore(options, held, state, onDropped);
      await store.#recover();
      return store;
    } catch (error) {
      if (error instanceof ExportError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new ExportError("ERR_EXPORT_SPOOL", `cannot use the spool ${options.directory}: ${reason}`, {
        cause: error,
      });
    }
  }

  get id(): Uint8Array<ArrayBuffer> {
    return this.#state.id;
  }

  get known(): number {
    return Math.max(this.#sent, this.#recovered);
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
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#files.bytes;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get hasRoom(): boolean {
    const inMemory = this.#homelessBytes === 0 || this.#homelessBytes < this.#memory * ROOM;
    return inMemory && this.bytes < this.limit * ROOM;
  }

  async append({ sequence, bytes }: StoredBatch, beyondLimit = false): Promise<void> {
    this.#last = sequence;
    const limit = beyondLimit ? Infinity : this.limit;
    // Each try gives up a file, so there are no more tries than files.
    while (this.bytes + bytes.length > limit)
      if (!(await this.#dropOldest())) {
        this.#onDropped({ cause: "spool_full", bytes, batches: 1 });
        return;
      }
    this.#entries.set(sequence, { file: undefined, bytes });
    this.#homeless.add(sequence);
    this.#homelessBytes += bytes.length;
    this.#memoryBytes += bytes.length;
    await this.#settle();
    this.#evict();
    // Others have filled the disk, or it fails: memory holds what it can, then giving up a file may help.
    while (this.#homelessBytes > this.#memory) {
      if (await this.#dropOldest()) await this.#settle();
      else if (![...this.#homeless].some((held) => this.#dropHomeless(held))) break;
    }
  }

  async settle(): Promise<number> {
    await this.#settle();
    return this.#homeless.size;
  }

  dropUnsettled(): void {
    for (const sequence of [...this.#homeless]) this.#dropHomeless(sequence);
  }

  async makeRoom(): Promise<boolean> {
    return (await this.#reclaim()) || (await this.#dropOldest());
  }

  async next(sequence: number): Promise<StoredBatch | undefined> {
    for (const [held, entry] of this.#entries) {
      if (held <= sequence) continue;
      const bytes = entry.bytes ?? (await this.#read(held, entry));
      if (bytes !== undefined) return { sequence: held, bytes };
      // It may have been given up while it was read.
      if (!this.#entries.has(held)) continue;
      this.#forget(held);
      this.#onDropped({ cause: "spool_damaged", bytes: undefined, batches: 1 });
    }
    return undefined;
  }

  async take(sequence: number): Promise<TakenBatch | undefined> {
    const batch = await this.next(sequence);
    // Given up since it was found: what is behind it takes its place.
    if (batch !== undefined && !this.#entries.has(batch.sequence)) return await this.take(batch.sequence);
    if (batch === undefined) return undefined;
    const again = batch.sequence <= this.#sent;
    const sent = Math.max(this.#sent, batch.sequence);
    // Without the note another process could give up or number anew what this one has sent.
    this.#state.note(this.#acknowledged, sent);
    this.#sent = sent;
    return { ...batch, again };
  }

  acknowledge(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    this.#sent = Math.max(this.#sent, sequence);
    try {
      this.#state.note(this.#acknowledged, this.#sent);
    } catch (error) {
      // The collector remembers it as well, and the next note says it, too.
      this.#onError(error);
    }
    for (const held of this.#entries.keys()) {
      if (held > sequence) break;
      this.#forget(held);
    }
  }

  async reject(sequence: number): Promise<void> {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    const bytes = entry.bytes ?? (await this.#read(sequence, entry));
    this.#forget(sequence);
    this.#onDropped({ cause: "rejected", bytes, batches: 1 });
  }

  renew(): void {
    this.#state.renew();
  }

  close(): void {
    this.#files.close();
    this.#entries.clear();
    this.#state.close();
    this.#lock.close();
  }

  async #recover(): Promise<void> {
    const { files, highest } = await this.#files.recover(this.#acknowledged, (batches) => {
      this.#onDropped({ cause: "spool_damaged", bytes: undefined, batches });
    });
    for (const file of files)
      for (const sequence of file.held.keys()) this.#entries.set(sequence, { file, bytes: undefined });
    this.#last = this.#recovered = Math.max(this.#last, highest);
  }

  /** Writes what is in memory only, oldest first, as far as the disk takes it. */
  async #settle(): Promise<void> {
    for (const sequence of [...this.#homeless]) {
      const bytes = this.#entries.get(sequence)?.bytes;
      if (bytes === undefined) continue;
      try {
        await this.#write(sequence, bytes);
      } catch (error) {
        this.#onError(error);
        // The file that is written to may be what fills the disk, with batches that nobody wants any more.
        const { abandoned } = this.#files;
        if (abandoned === undefined) return;
        await this.#files.discard(abandoned);
        await this.#settle();
        return;
      }
    }
  }

  /**
   * Takes what is still wanted in the last file into memory, and the file off the disk; false if all of it is wanted. Only the last one:
   * numbers on disk only rise.
   */
  async #reclaim(): Promise<boolean> {
    const { last } = this.#files;
    if (last === undefined || deadBytes(last) < LEAST_DEAD) return false;
    for (const sequence of [...last.held.keys()]) {
      const entry = this.#entries.get(sequence);
      if (entry === undefined) continue;
      const inMemory = entry.bytes !== undefined;
      entry.bytes ??= await this.#read(sequence, entry);
      if (!this.#entries.has(sequence)) continue;
      if (entry.bytes === undefined) {
        this.#forget(sequence);
        this.#onDropped({ cause: "spool_damaged", bytes: undefined, batches: 1 });
        continue;
      }
      last.held.delete(sequence);
      entry.file = undefined;
      this.#homeless.add(sequence);
      this.#homelessBytes += entry.bytes.length;
      if (!inMemory) this.#memoryBytes += entry.bytes.length;
    }
    const inOrder = [...this.#homeless].sort((one, other) => one - other);
    this.#homeless.clear();
    for (const sequence of inOrder) this.#homeless.add(sequence);
    await this.#files.discard(last);
    return true;
  }

  async #write(sequence: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Acknowledged meanwhile: its memory may be in use again.
    const file = await this.#files.append(sequence, bytes, () => this.#entries.has(sequence));
    const entry = this.#entries.get(sequence);
    if (file === undefined) return;
    if (entry === undefined) {
      this.#files.forget(file, sequence);
      return;
    }
    entry.file = file;
    this.#homeless.delete(sequence);
    this.#homelessBytes -= bytes.length;
    if (this.#memoryBytes <= this.#memory) return;
    this.#memoryBytes -= bytes.length;
    entry.bytes = undefined;
  }

  /** Leaves to the disk what is on it, until the memory is enough for what is not; those that are sent last, first. */
  #evict(): void {
    if (this.#memoryBytes <= this.#memory) return;
    for (const entry of [...this.#entries.values()].reverse()) {
      if (this.#memoryBytes <= this.#memory) return;
      if (entry.file === undefined) continue;
      this.#memoryBytes -= entry.bytes?.length ?? 0;
      entry.bytes = undefined;
    }
  }

  /** Gives up a batch that is in memory only; false if it was sent. */
  #dropHomeless(sequence: number): boolean {
    if (sequence <= this.#sent) return false;
    const bytes = this.#entries.get(sequence)?.bytes;
    this.#forget(sequence);
    this.#onDropped({ cause: "spool_full", bytes, batches: 1 });
    return true;
  }

  /** Gives up the oldest file none of whose batches was sent; false if there is none. */
  async #dropOldest(): Promise<boolean> {
    const oldest = this.#files.oldestBehind(this.#sent);
    if (oldest === undefined) return false;
    for (const sequence of [...oldest.held.keys()]) {
      const entry = this.#entries.get(sequence);
      const bytes = entry && (entry.bytes ?? (await this.#read(sequence, entry)));
      // Forgotten while it was read: then it is counted already. Taken meanwhile: then it is kept.
      if (!this.#entries.has(sequence) || sequence <= this.#sent) continue;
      this.#forget(sequence);
      this.#onDropped({ cause: "spool_full", bytes, batches: 1 });
    }
    if (oldest.held.size === 0) await this.#files.discard(oldest);
    return true;
  }

  async #read(sequence: number, { file }: Entry): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return file && (await this.#files.read(file, sequence));
  }

  /** Forgets a batch, and its file with the last one. */
  #forget(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    this.#entries.delete(sequence);
    const { file, bytes } = entry;
    this.#memoryBytes -= bytes?.length ?? 0;
    if (this.#homeless.delete(sequence)) this.#homelessBytes -= bytes?.length ?? 0;
    if (file !== undefined) this.#files.forget(file, sequence);
  }
}

/** @throws {@link ExportError} ERR_EXPORT_SPOOL when another process has it */
async function lock(directory: string): Promise<Server> {
  try {
    return await lockPath(directory);
  } catch (cause) {
    throw new ExportError(
      "ERR_EXPORT_SPOOL",
      `the spool ${directory} is used by another process; give each exporter a directory of its own`,
      { cause },
    );
  }
}
