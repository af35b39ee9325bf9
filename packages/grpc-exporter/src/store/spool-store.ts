import { mkdirSync, readdirSync } from "node:fs";
import { unlink } from "node:fs/promises";
import type { Server } from "node:net";
import { join } from "node:path";
import { ExportError } from "../errors.ts";
import { lockPath } from "./path-lock.ts";
import { FRAME_HEADER, recover, Segment, type Place } from "./segment.ts";
import { SpoolState } from "./spool-state.ts";
import { ROOM, type BatchStore, type OnDropped, type StoredBatch, type TakenBatch } from "./store.ts";

const SUFFIX = ".segment";
const LARGEST_SEGMENT = 16 * 1024 * 1024;
const SMALLEST_SEGMENT = 256 * 1024;
/** What a spool is divided into at least, so that giving up the oldest part is not giving up all. */
const PARTS = 8;
/** Bytes of a file that nobody wants any more, for which it is written anew when there is no room else. */
const LEAST_DEAD = 64 * 1024;

/** Where a batch lies. */
interface Home {
  readonly place: Place;
  readonly file: SpoolFile;
}

/** A batch that is held: on disk, and in memory while there is room for it; or in memory only, because the disk did not take it. */
interface Entry {
  home: Home | undefined;
  bytes: Uint8Array<ArrayBuffer> | undefined;
}

/** A segment and those of its batches that are still held, in order. */
interface SpoolFile {
  readonly segment: Segment;
  readonly held: Set<number>;
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
  readonly #directory: string;
  readonly #memory: number;
  readonly #onDropped: OnDropped;
  readonly #onError: (error: unknown) => void;
  readonly #lock: Server;
  readonly #state: SpoolState;
  /** By number, which is their order. */
  readonly #entries = new Map<number, Entry>();
  /** In the order of their batches. */
  readonly #files = new Set<SpoolFile>();
  #active: SpoolFile | undefined;
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
    this.#directory = options.directory;
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
    let bytes = 0;
    for (const { segment } of this.#files) bytes += segment.size;
    return bytes;
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
    this.#entries.set(sequence, { home: undefined, bytes });
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
      const bytes = entry.bytes ?? (await this.#read(entry));
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
    const bytes = entry.bytes ?? (await this.#read(entry));
    this.#forget(sequence);
    this.#onDropped({ cause: "rejected", bytes, batches: 1 });
  }

  renew(): void {
    this.#state.renew();
  }

  close(): void {
    for (const { segment } of this.#files) void segment.close().catch(() => undefined);
    this.#files.clear();
    this.#entries.clear();
    this.#state.close();
    this.#lock.close();
  }

  async #recover(): Promise<void> {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith(SUFFIX));
    let highest = this.#acknowledged;
    for (const name of names.sort()) {
      const path = join(this.#directory, name);
      const { places, end, damaged } = recover(path);
      if (damaged > 0) this.#onDropped({ cause: "spool_damaged", bytes: undefined, batches: damaged });
      const before = highest;
      const live = places.filter(({ sequence }) => sequence > before);
      highest = Math.max(highest, places.at(-1)?.sequence ?? 0);
      if (live.length === 0) {
        await unlink(path);
        continue;
      }
      const file = { segment: await Segment.open(path, end), held: new Set<number>() };
      this.#files.add(file);
      for (const place of live) {
        this.#entries.set(place.sequence, { home: { file, place }, bytes: undefined });
        file.held.add(place.sequence);
      }
    }
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
        if (this.#active?.held.size !== 0 || this.#active.segment.isEmpty) return;
        await this.#discard(this.#active);
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
    const last = [...this.#files].at(-1);
    if (last === undefined || last.segment.isEmpty) return false;
    const held = [...last.held].map((sequence) => [sequence, this.#entries.get(sequence)] as const);
    const wanted = held.reduce((sum, [, entry]) => sum + FRAME_HEADER + (entry?.home?.place.length ?? 0), 0);
    if (last.segment.size - wanted < LEAST_DEAD) return false;
    for (const [sequence, entry] of held) {
      if (entry === undefined) continue;
      const inMemory = entry.bytes !== undefined;
      entry.bytes ??= await this.#read(entry);
      if (!this.#entries.has(sequence)) continue;
      if (entry.bytes === undefined) {
        this.#forget(sequence);
        this.#onDropped({ cause: "spool_damaged", bytes: undefined, batches: 1 });
        continue;
      }
      last.held.delete(sequence);
      entry.home = undefined;
      this.#homeless.add(sequence);
      this.#homelessBytes += entry.bytes.length;
      if (!inMemory) this.#memoryBytes += entry.bytes.length;
    }
    const inOrder = [...this.#homeless].sort((one, other) => one - other);
    this.#homeless.clear();
    for (const sequence of inOrder) this.#homeless.add(sequence);
    await this.#discard(last);
    return true;
  }

  async #write(sequence: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const most = Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, Math.floor(this.limit / PARTS)));
    if (this.#active === undefined || this.#active.segment.size + bytes.length > most) {
      const full = this.#active;
      const path = join(this.#directory, `${String(sequence).padStart(16, "0")}${SUFFIX}`);
      this.#active = { segment: await Segment.create(path), held: new Set<number>() };
      this.#files.add(this.#active);
      if (full?.held.size === 0) void this.#discard(full);
    }
    const file = this.#active;
    // Acknowledged while the file was made: its memory may be in use again.
    if (!this.#entries.has(sequence)) return;
    const place = await file.segment.append(sequence, bytes);
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    entry.home = { file, place };
    file.held.add(sequence);
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
      if (entry.home === undefined) continue;
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
    // A file that was made and not written frees nothing: it would be made and given up again and again.
    const oldest = [...this.#files].find(({ held: [first], segment }) =>
      first === undefined ? !segment.isEmpty : first > this.#sent,
    );
    if (oldest === undefined) return false;
    for (const sequence of [...oldest.held]) {
      const entry = this.#entries.get(sequence);
      const bytes = entry && (entry.bytes ?? (await this.#read(entry)));
      // Forgotten while it was read: then it is counted already. Taken meanwhile: then it is kept.
      if (!this.#entries.has(sequence) || sequence <= this.#sent) continue;
      this.#forget(sequence);
      this.#onDropped({ cause: "spool_full", bytes, batches: 1 });
    }
    if (oldest.held.size === 0) await this.#discard(oldest);
    return true;
  }

  async #read({ home }: Entry): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await home?.file.segment.read(home.place);
    } catch {
      return undefined;
    }
  }

  /** Forgets a batch, and its file with the last one. */
  #forget(sequence: number): void {
    const entry = this.#entries.get(sequence);
    if (entry === undefined) return;
    this.#entries.delete(sequence);
    const { home, bytes } = entry;
    this.#memoryBytes -= bytes?.length ?? 0;
    if (this.#homeless.delete(sequence)) this.#homelessBytes -= bytes?.length ?? 0;
    home?.file.held.delete(sequence);
    if (home?.file.held.size === 0 && home.file !== this.#active) void this.#discard(home.file);
  }

  /** Resolves when its room is free; rejects never. */
  async #discard(file: SpoolFile): Promise<void> {
    if (!this.#files.delete(file)) return;
    if (this.#active === file) this.#active = undefined;
    // A file that stays is found again, with nothing in it that is still wanted.
    await Promise.allSettled([file.segment.close(), unlink(file.segment.path)]);
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
