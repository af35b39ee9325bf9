import { readdirSync } from "node:fs";
import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { FRAME_HEADER, recover, Segment, type Place } from "./segment.ts";

const SUFFIX = ".segment";
const LARGEST_SEGMENT = 16 * 1024 * 1024;
const SMALLEST_SEGMENT = 256 * 1024;
/** What a spool is divided into at least, so that giving up the oldest part is not giving up all. */
const PARTS = 8;

/** A segment and those of its batches that are still held, in order. */
export interface SpoolFile {
  readonly segment: Segment;
  /** By number; the place of each. */
  readonly held: Map<number, Place>;
}

/** The files of a spool, in the order of their batches. The last one is written to, after a start a new one. */
export class SpoolFiles {
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #files = new Set<SpoolFile>();
  #active: SpoolFile | undefined;

  /** `limit`: bytes of all files together, which their owner sees to. */
  constructor(directory: string, limit: number) {
    this.#directory = directory;
    this.#segmentBytes = Math.min(LARGEST_SEGMENT, Math.max(SMALLEST_SEGMENT, Math.floor(limit / PARTS)));
  }

  /** Bytes on disk. */
  get bytes(): number {
    let bytes = 0;
    for (const { segment } of this.#files) bytes += segment.size;
    return bytes;
  }

  /** The last file; undefined if there is none, or nothing in it. */
  get last(): SpoolFile | undefined {
    const last = [...this.#files].at(-1);
    return last?.segment.isEmpty === false ? last : undefined;
  }

  /** The file that is written to, when none of what is in it is held; undefined otherwise. */
  get abandoned(): SpoolFile | undefined {
    return this.#active?.held.size === 0 && !this.#active.segment.isEmpty ? this.#active : undefined;
  }

  /**
   * Opens what an earlier process has left behind batch `acknowledged`, and removes what is not wanted any more.
   *
   * @returns the files, and the highest number that is in any; `onDamaged` is told of stretches that hold no whole batch
   */
  async recover(
    acknowledged: number,
    onDamaged: (batches: number) => void,
  ): Promise<{ readonly files: readonly SpoolFile[]; readonly highest: number }> {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith(SUFFIX));
    let highest = acknowledged;
    for (const name of names.sort()) {
      const path = join(this.#directory, name);
      const { places, end, damaged } = recover(path);
      if (damaged > 0) onDamaged(damaged);
      const before = highest;
      const live = places.filter(({ sequence }) => sequence > before);
      highest = Math.max(highest, places.at(-1)?.sequence ?? 0);
      if (live.length === 0) {
        await unlink(path);
        continue;
      }
      const held = new Map(live.map((place) => [place.sequence, place]));
      this.#files.add({ segment: await Segment.open(path, end), held });
    }
    return { files: [...this.#files], highest };
  }

  /**
   * Appends a batch, whose number is above all that are on disk.
   *
   * @returns where it is; undefined if it was not `wanted` any more: then its bytes may have changed
   */
  async append(sequence: number, bytes: Uint8Array, wanted: () => boolean): Promise<SpoolFile | undefined> {
    const file = await this.#fileFor(sequence, bytes.length);
    if (!wanted()) return undefined;
    const place = await file.segment.append(sequence, bytes);
    if (!wanted()) return undefined;
    file.held.set(sequence, place);
    return file;
  }

  /** The bytes of a batch; undefined if they cannot be had. */
  async read({ segment, held }: SpoolFile, sequence: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const place = held.get(sequence);
    try {
      return place && (await segment.read(place));
    } catch {
      return undefined;
    }
  }

  /** Forgets a batch, and its file with the last one, unless it is written to. */
  forget(file: SpoolFile, sequence: number): void {
    file.held.delete(sequence);
    if (file.held.size === 0 && file !== this.#active) void this.discard(file);
  }

  /** The oldest file of which no batch up to `sent` is held; undefined if there is none. */
  oldestBehind(sent: number): SpoolFile | undefined {
    // A file that was made and not written frees nothing: it would be made and given up again and again.
    return [...this.#files].find(({ held, segment }) => {
      const [first] = held.keys();
      return first === undefined ? !segment.isEmpty : first > sent;
    });
  }

  /** Resolves when its room is free; rejects never. */
  async discard(file: SpoolFile): Promise<void> {
    if (!this.#files.delete(file)) return;
    if (this.#active === file) this.#active = undefined;
    // A file that stays is found again, with nothing in it that is still wanted.
    await Promise.allSettled([file.segment.close(), unlink(file.segment.path)]);
  }

  /** Closes them all; they stay on disk. */
  close(): void {
    for (const { segment } of this.#files) void segment.close().catch(() => undefined);
    this.#files.clear();
  }

  async #fileFor(sequence: number, length: number): Promise<SpoolFile> {
    const full = this.#active;
    if (full !== undefined && full.segment.size + length <= this.#segmentBytes) return full;
    const path = join(this.#directory, `${String(sequence).padStart(16, "0")}${SUFFIX}`);
    const file = { segment: await Segment.create(path), held: new Map<number, Place>() };
    this.#active = file;
    this.#files.add(file);
    if (full?.held.size === 0) void this.discard(full);
    return file;
  }
}

/** Bytes of a file that nobody wants any more. */
export function deadBytes({ segment, held }: SpoolFile): number {
  let wanted = 0;
  for (const { length } of held.values()) wanted += FRAME_HEADER + length;
  return segment.size - wanted;
}
