import { checkRecord } from "./check.ts";
import { DecodeError } from "./errors.ts";
import { RecordFields } from "./record-fields.ts";

const FRAME_HEADER = 8;
const NOTHING = new Uint8Array(0);

/** How a {@link RecordCursor} treats what is not a record. */
export interface RecordCursorOptions {
  /** Called for each bad record, which is then skipped. Without it, `next()` throws the error. */
  readonly onError?: (error: DecodeError) => void;
}

/**
 * Walks a batch of records in place, without an object per record.
 *
 * A batch is a run of frames: length (u32), 0 (u32), that many bytes, and padding to a multiple of 8 bytes. A frame holds
 * one record and may be longer than it. All integers are little-endian.
 *
 * The accessors read the record that the last successful `next()` stopped at, and only until the next call of `next()`
 * or `reset()`.
 */
export class RecordCursor extends RecordFields {
  readonly #onError: ((error: DecodeError) => void) | undefined;
  #batch: Uint8Array = NOTHING;
  #view: DataView = new DataView(NOTHING.buffer);
  #next = 0;

  constructor(options: RecordCursorOptions = {}) {
    super();
    this.#onError = options.onError;
  }

  /** Goes to the beginning of a batch, which stays the caller's and must not change while it is walked. */
  reset(batch: Uint8Array): void {
    // A Buffer's slice() and subarray() are not those of a Uint8Array.
    const plain =
      batch.constructor === Uint8Array ? batch : new Uint8Array(batch.buffer, batch.byteOffset, batch.length);
    const known = this.#view;
    if (
      known.buffer !== plain.buffer ||
      known.byteOffset !== plain.byteOffset ||
      known.byteLength !== plain.byteLength
    ) {
      this.#view = new DataView(plain.buffer, plain.byteOffset, plain.byteLength);
    }
    this.#batch = plain;
    this.hide();
    this.#next = 0;
  }

  /**
   * Goes to the next record; false at the end of the batch.
   *
   * Throws DecodeError for a bad record, unless there is an `onError`. The next call then goes on with the next frame if
   * the error is `resumable`, and returns false if it is not.
   */
  next(): boolean {
    while (this.#next < this.#batch.length) {
      const error = this.#advance();
      if (error === undefined) return true;
      this.hide();
      if (this.#onError === undefined) throw error;
      this.#onError(error);
    }
    this.hide();
    return false;
  }

  /** Where the frame of the next record begins: bytes from the start of the batch. */
  get position(): number {
    return this.#next;
  }

  /** Moves #next past one frame and, if it holds a record, stops there. */
  #advance(): DecodeError | undefined {
    const bytes = this.#batch;
    const frame = this.#next;
    const left = bytes.length - frame;
    if (left < FRAME_HEADER)
      return this.#lost("ERR_DECODE_TRUNCATED", "frame", `${String(FRAME_HEADER)} bytes`, left);
    const length = this.#view.getUint32(frame, true);
    const reserved = this.#view.getUint32(frame + 4, true);
    if (reserved !== 0) return this.#lost("ERR_DECODE_FRAME", "frame.reserved", "0", reserved);
    if (length > left - FRAME_HEADER) {
      const expected = `at most ${String(left - FRAME_HEADER)} (the rest of the batch)`;
      return this.#lost("ERR_DECODE_TRUNCATED", "frame.length", expected, length);
    }
    const at = frame + FRAME_HEADER;
    this.#next = at + Math.ceil(length / 8) * 8;
    const error = checkRecord(this.#view, at, length);
    if (error !== undefined) return error;
    this.show(bytes, this.#view, at);
    return undefined;
  }

  /** Without sound framing nothing says where the next record begins. */
  #lost(
    code: "ERR_DECODE_TRUNCATED" | "ERR_DECODE_FRAME",
    field: string,
    expected: string,
    actual: number,
  ): DecodeError {
    const position = field === "frame.reserved" ? this.#next + 4 : this.#next;
    this.#next = this.#batch.length;
    return new DecodeError({ code, field, position, expected, actual: String(actual) });
  }
}
