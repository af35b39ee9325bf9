/**
 * A file of a spool: batches one behind the other, only ever appended to.
 *
 *   "TTSPOOL1", 8 bytes of 0
 *   for each batch: length (u32), CRC-32 of number and bytes (u32), number (u64), the bytes; little-endian
 *
 * A process that is killed while it appends leaves a last batch that is cut off.
 */
import { readFileSync } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

const MAGIC = Buffer.from("TTSPOOL1\0\0\0\0\0\0\0\0", "latin1");
/** Bytes of a file that a batch takes beside its own. */
export const FRAME_HEADER = 16;
/** No batch is larger; a length beyond it is damage. */
const LARGEST = 64 * 1024 * 1024;
/** Bytes that are read at most in search of batches behind damage. */
const MOST_SEARCHED = 256 * 1024 * 1024;

/** Where a batch lies in a file. */
export interface Place {
  readonly sequence: number;
  /** Of its bytes. */
  readonly position: number;
  readonly length: number;
}

/** What a file was found to hold. */
export interface Recovered {
  readonly places: readonly Place[];
  /** Where the next batch goes: behind the last one that is whole. */
  readonly end: number;
  /** Stretches that hold no whole batch, in between or at the end. */
  readonly damaged: number;
}

/** A segment that is open for reading and appending. */
export class Segment {
  readonly path: string;
  readonly #file: FileHandle;
  #end: number;

  private constructor(path: string, file: FileHandle, end: number) {
    this.path = path;
    this.#file = file;
    this.#end = end;
  }

  /** Makes a file that must not be there yet. */
  static async create(path: string): Promise<Segment> {
    const file = await open(path, "wx+", 0o600);
    try {
      await writeAll(file, [MAGIC], 0);
    } catch (error) {
      await file.close();
      await unlink(path).catch(() => undefined);
      throw error;
    }
    return new Segment(path, file, MAGIC.length);
  }

  /** Opens a file that {@link recover} has looked at. */
  static async open(path: string, end: number): Promise<Segment> {
    return new Segment(path, await open(path, "r+"), end);
  }

  /** Whether it takes no more room than a file has to. */
  get isEmpty(): boolean {
    return this.#end <= MAGIC.length;
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#end;
  }

  /** Appends a batch. When it fails, the file is as it was. */
  async append(sequence: number, bytes: Uint8Array): Promise<Place> {
    const header = Buffer.alloc(FRAME_HEADER);
    header.writeBigUInt64LE(BigInt(sequence), 8);
    header.writeUInt32LE(bytes.length, 0);
    header.writeUInt32LE(checksum(header, bytes), 4);
    try {
      await writeAll(this.#file, [header, bytes], this.#end);
    } catch (error) {
      await this.#file.truncate(this.#end).catch(() => undefined);
      throw error;
    }
    const position = this.#end + FRAME_HEADER;
    this.#end = position + bytes.length;
    return { sequence, position, length: bytes.length };
  }

  /** The bytes of a batch; undefined if they are not what was written. */
  async read({ sequence, position, length }: Place): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const frame = new Uint8Array(FRAME_HEADER + length);
    const { bytesRead } = await this.#file.read(frame, 0, frame.length, position - FRAME_HEADER);
    const header = Buffer.from(frame.buffer, 0, FRAME_HEADER);
    const bytes = frame.subarray(FRAME_HEADER);
    const sound =
      bytesRead === frame.length &&
      header.readBigUInt64LE(8) === BigInt(sequence) &&
      header.readUInt32LE(4) === checksum(header, bytes);
    return sound ? bytes : undefined;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Looks at a file as another process has left it. Any bytes give an answer. */
export function recover(path: string): Recovered {
  const file = readFileSync(path);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC))
    return { places: [], end: 0, damaged: file.length === 0 ? 0 : 1 };
  const places: Place[] = [];
  const search: Search = { file, left: MOST_SEARCHED };
  let damaged = 0;
  let end = MAGIC.length;
  for (let at = end; at < file.length;) {
    const last = places.at(-1)?.sequence ?? 0;
    const place = frameAt(file, at);
    if (place !== undefined && place.sequence > last) {
      places.push(place);
      at = end = place.position + place.length;
      continue;
    }
    // Cut off by the death of its process, or damaged: nobody can tell, and a batch is missing in either case.
    damaged++;
    at = findFrame(search, at, last) ?? file.length;
  }
  return { places, end, damaged };
}

/** What is looked through, and bytes that checksums may still be made of: damage is no reason to read for minutes. */
interface Search {
  readonly file: Buffer;
  left: number;
}

/** Where the next batch begins that is whole, behind a damaged one at `from`: where that one says that it ends, or anywhere. */
function findFrame(search: Search, from: number, last: number): number | undefined {
  const { file } = search;
  const stated = from + FRAME_HEADER + lengthAt(file, from);
  if ((frameAt(file, stated)?.sequence ?? 0) > last) return stated;
  for (let at = from + 1; at + FRAME_HEADER < file.length && search.left > 0; at++) {
    const length = lengthAt(file, at);
    if (length === 0 || at + FRAME_HEADER + length > file.length || sequenceAt(file, at) <= last) continue;
    search.left -= length;
    if (frameAt(file, at) !== undefined) return at;
  }
  return undefined;
}

/** The batch that begins there; undefined if it is not whole. */
function frameAt(file: Buffer, at: number): Place | undefined {
  const length = lengthAt(file, at);
  const position = at + FRAME_HEADER;
  if (length === 0 || position + length > file.length) return undefined;
  const header = file.subarray(at, position);
  const whole = header.readUInt32LE(4) === checksum(header, file.subarray(position, position + length));
  return whole ? { sequence: sequenceAt(file, at), position, length } : undefined;
}

/** 0 where there is none that could be. */
function lengthAt(file: Buffer, at: number): number {
  const length = at + FRAME_HEADER < file.length ? file.readUInt32LE(at) : 0;
  return length > LARGEST ? 0 : length;
}

/** 0 for a number that no batch has. */
function sequenceAt(file: Buffer, at: number): number {
  const sequence = Number(file.readBigUInt64LE(at + 8));
  return Number.isSafeInteger(sequence) ? sequence : 0;
}

function checksum(header: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes, crc32(header.subarray(8, FRAME_HEADER)));
}

/** Writes all of it, in as many calls as it takes. */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  const bytes = parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
