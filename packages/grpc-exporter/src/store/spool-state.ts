import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

const ID_LENGTH = 16;
/** Id, acknowledged (f64), sent (f64), CRC-32 of all of it. */
const SIZE = ID_LENGTH + 8 + 8 + 4;

/**
 * What a spool knows beside its batches: who it is, and how far they have gone. One small write each time, which a
 * killed process has made or not made.
 */
export class SpoolState {
  #id: Uint8Array<ArrayBuffer>;
  readonly #fd: number;
  #acknowledged: number;
  #sent: number;

  /** Reads the state at `path`, or makes it; a damaged one is made anew, as that of another exporter. */
  constructor(path: string) {
    this.#fd = openSync(path, "a+", 0o600);
    closeSync(this.#fd);
    this.#fd = openSync(path, "r+");
    const bytes = Buffer.alloc(SIZE);
    const whole =
      readSync(this.#fd, bytes, 0, SIZE, 0) === SIZE &&
      bytes.readUInt32LE(SIZE - 4) === crc32(bytes.subarray(0, SIZE - 4));
    this.#id = Uint8Array.from(whole ? bytes.subarray(0, ID_LENGTH) : randomBytes(ID_LENGTH));
    this.#acknowledged = whole ? bytes.readDoubleLE(ID_LENGTH) : 0;
    this.#sent = whole ? bytes.readDoubleLE(ID_LENGTH + 8) : 0;
    if (!whole) this.#write(this.#id, 0, 0);
  }

  /** 16 random bytes, made together with the spool. */
  get id(): Uint8Array<ArrayBuffer> {
    return this.#id;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Notes how far batches have gone. Throws when it cannot, and knows then what it knew before. */
  note(acknowledged: number, sent: number): void {
    if (acknowledged === this.#acknowledged && sent === this.#sent) return;
    this.#write(this.#id, acknowledged, sent);
  }

  /** From now on it is another one. Throws when that cannot be noted. */
  renew(): void {
    this.#write(Uint8Array.from(randomBytes(ID_LENGTH)), this.#acknowledged, this.#sent);
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(id: Uint8Array<ArrayBuffer>, acknowledged: number, sent: number): void {
    const bytes = Buffer.alloc(SIZE);
    bytes.set(id);
    bytes.writeDoubleLE(acknowledged, ID_LENGTH);
    bytes.writeDoubleLE(sent, ID_LENGTH + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, SIZE - 4)), SIZE - 4);
    const written = writeSync(this.#fd, bytes, 0, SIZE, 0);
    if (written < SIZE)
      throw new Error(`only ${written} of ${SIZE} bytes of the spool's state could be written`);
    this.#id = id;
    this.#acknowledged = acknowledged;
    this.#sent = sent;
  }
}
