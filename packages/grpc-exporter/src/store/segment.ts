/**
 * A file of a spool: batches one behind the other, only ever appended to.
 *
 *   "TTSPOOL1", 8 bytes of 0
 *   for each batch: length (u32), CRC-32 of number and bytes (u32), number (u64), the bytes; little-endian
 *
 * A process that is killed while it appends leaves a last batch that is cut off, which nobody was told of yet.
 */
import { readFileSync } from "node:fs";
import { open, unlink, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";

const MAGIC = Buffer.from("TTSPOOL1\0\0\0\0\0\0\0\0", "latin1");
const FRAME_HEADER = 16;
/** No batch is larger; a length beyond it is damage. */
const LARGEST = 64 * 1024 * 1024;

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
  /** Batches in between that are damaged, and whatever could not be read at the end. */
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
  let damaged = 0;
  let at = MAGIC.length;
  while (at < file.length) {
    const left = file.length - at - FRAME_HEADER;
    const length = left < 0 ? 0 : file.readUInt32LE(at);
    // Cut off: the last one, as a killed process leaves it, or a length that is damaged.
    if (left < 0 || length > left || length > LARGEST || length === 0) {
      if (length > LARGEST || (left >= 0 && length === 0)) damaged++;
      break;
    }
    const header = file.subarray(at, at + FRAME_HEADER);
    const position = at + FRAME_HEADER;
    const sequence = Number(header.readBigUInt64LE(8));
    const whole = header.readUInt32LE(4) === checksum(header, file.subarray(position, position + length));
    if (whole && sequence > (places.at(-1)?.sequence ?? 0)) places.push({ sequence, position, length });
    else damaged++;
    at = position + length;
  }
  return { places, end: Math.min(at, file.length), damaged };
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
