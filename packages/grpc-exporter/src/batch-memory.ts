/** Of a piece of memory, the part that a batch has to fill: the rest would be memory that no bound counts. */
const LEAST_FILLED = 0.75;

/**
 * Memory for batches, used again when a batch is acknowledged. Fresh memory for each of them has the garbage collector run so often
 * that it takes as much processor time as encoding and sending.
 */
export class BatchMemory {
  readonly #size: number;
  readonly #most: number;
  readonly #free: ArrayBuffer[] = [];

  /** `size`: bytes of a piece, a little more than a full batch. `most`: bytes of pieces to keep. */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = Math.floor(most / size);
  }

  /** A copy of `bytes`, the caller's until it gives it back. Only full batches are worth a piece; others get what they need. */
  copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { length } = bytes;
    if (length > this.#size || length < this.#size * LEAST_FILLED) return Uint8Array.from(bytes);
    const copied = new Uint8Array(this.#free.pop() ?? new ArrayBuffer(this.#size), 0, length);
    copied.set(bytes);
    return copied;
  }

  /** Takes back what `copy` gave, and nobody reads any more; anything else is left to the garbage collector. */
  release({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === this.#size && this.#free.length < this.#most) this.#free.push(buffer);
  }
}
