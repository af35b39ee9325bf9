const UTF8 = new TextEncoder();
const SMALLEST = 1024;
const TWO_TO_THE_32 = 0x1_0000_0000;

/**
 * Protobuf's basic values, written one behind the other into memory that grows. Callers see to it that there is room
 * (`reserve`), once for many values: a check at each of them would be most of the cost.
 */
export class ByteWriter {
  /** The memory; valid until it grows. */
  bytes: Uint8Array;
  /** Where the next byte goes: bytes written. */
  at = 0;
  #view: DataView;

  /** `capacity`: bytes that fit before the memory grows. */
  constructor(capacity: number = SMALLEST) {
    this.bytes = new Uint8Array(Math.max(capacity, SMALLEST));
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.at + count;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** One byte: tags of fields below 16, enums below 128. */
  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  /** A whole number below 2^53. */
  varint(value: number): void {
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    if (rest >= TWO_TO_THE_32) {
      // Bit operations have 32 bits: seven at a time, four times, until the rest has no more.
      for (let group = 0; group < 4; group++) {
        bytes[at++] = (rest & 0x7f) | 0x80;
        rest = Math.floor(rest / 128);
      }
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  /** 64 bits. */
  bigVarint(value: bigint): void {
    if (value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value));
      return;
    }
    let rest = value;
    for (; rest > 0x7fn; rest >>= 7n) this.byte(Number(rest & 0x7fn) | 0x80);
    this.byte(Number(rest));
  }

  /** 64 bits, little-endian. */
  fixed64(value: bigint): void {
    this.#view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  /** The same from two halves. */
  fixed64Of(low: number, high: number): void {
    this.#view.setUint32(this.at, low, true);
    this.#view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  /** Bytes without their length: `count` of them, from `from` on. Short ones are not worth a call. */
  raw(source: Uint8Array, from: number, count: number): void {
    const { bytes, at } = this;
    if (count <= 32)
      for (let index = 0; index < count; index++) bytes[at + index] = source[from + index] ?? 0;
    else bytes.set(from === 0 && count === source.length ? source : source.subarray(from, from + count), at);
    this.at = at + count;
  }

  /** A text with its length; makes room for itself. */
  text(text: string): void {
    this.reserve(text.length * 3 + 5);
    const { bytes } = this;
    const start = this.at + 1;
    if (text.length < 128) {
      let index = 0;
      for (; index < text.length; index++) {
        const code = text.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[start + index] = code;
      }
      if (index === text.length) {
        bytes[start - 1] = index;
        this.at = start + index;
        return;
      }
    }
    const encoded = UTF8.encode(text);
    this.varint(encoded.length);
    this.raw(encoded, 0, encoded.length);
  }

  /**
   * Closes a message whose length was guessed to take `reserved` bytes at `start`: writes the length there, and moves
   * what was written behind it if the guess was wrong.
   */
  closeMessage(start: number, reserved: number): void {
    const length = this.at - start - reserved;
    const needed = varintSize(length);
    if (needed !== reserved) {
      this.reserve(needed);
      this.bytes.copyWithin(start + needed, start + reserved, this.at);
    }
    this.at = start;
    this.varint(length);
    this.at += length;
  }
}

/** Bytes of a varint; `value` is a whole number below 2^53. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 0x8_0000_0000); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** {@link varintSize} of 64 bits. */
export function bigVarintSize(value: bigint): number {
  if (value <= Number.MAX_SAFE_INTEGER) return varintSize(Number(value));
  let size = 8;
  for (let rest = value >> 56n; rest > 0n; rest >>= 7n) size++;
  return size;
}
