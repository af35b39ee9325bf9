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
  /** 16 random bytes, made together with the spool. */
  readonly id: Uint8Array<ArrayBuffer>;
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
    this.id = Uint8Array.from(whole ? bytes.subarray(0, ID_LENGTH) : randomBytes(ID_LENGTH));
    this.#acknowledged = whole ? bytes.readDoubleLE(ID_LENGTH) : 0;
    this.#sent = whole ? bytes.readDoubleLE(ID_LENGTH + 8) : 0;
    if (!whole) this.#write();
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Notes how far batches have gone. */
  note(acknowledged: number, sent: number): void {
    if (acknowledged === this.#acknowledged && sent === this.#sent) return;
    this.#acknowledged = acknowledged;
    this.#sent = sent;
    this.#write();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #write(): void {
    const bytes = Buffer.alloc(SIZE);
    bytes.set(this.id);
    bytes.writeDoubleLE(this.#acknowledged, ID_LENGTH);
    bytes.writeDoubleLE(this.#sent, ID_LENGTH + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, SIZE - 4)), SIZE - 4);
    writeSync(this.#fd, bytes, 0, SIZE, 0);
  }
}
