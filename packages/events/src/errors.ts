/**
 * What is wrong with a batch:
 *
 * - `ERR_DECODE_TRUNCATED`: the batch ends inside a frame. The rest of the batch is lost.
 * - `ERR_DECODE_FRAME`: a frame's reserved word is not 0. The rest of the batch is lost.
 * - `ERR_DECODE_LENGTH`: a record's length does not fit its frame, its type or its payload.
 * - `ERR_DECODE_TYPE`: a record's type is unknown.
 * - `ERR_DECODE_ENUM`: another field of a record has a value without a meaning.
 */
export type DecodeErrorCode =
  "ERR_DECODE_TRUNCATED" | "ERR_DECODE_FRAME" | "ERR_DECODE_LENGTH" | "ERR_DECODE_TYPE" | "ERR_DECODE_ENUM";

/** What a {@link DecodeError} is made of. */
export interface DecodeErrorDetails {
  readonly code: DecodeErrorCode;
  /** The field that is wrong. */
  readonly field: string;
  /** Where that field lies: bytes from the start of the batch. */
  readonly position: number;
  /** What may stand there. */
  readonly expected: string;
  /** What stands there. */
  readonly actual: string;
}

/** A batch holds something that is not a record. Raised by `RecordCursor.next()`; other records are not affected. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  /** What kind of error this is; stable. */
  readonly code: DecodeErrorCode;
  /** The field that is wrong. */
  readonly field: string;
  /** Where that field lies: bytes from the start of the batch. */
  readonly position: number;
  /** What may stand there. */
  readonly expected: string;
  /** What stands there. */
  readonly actual: string;

  constructor({ code, field, position, expected, actual }: DecodeErrorDetails) {
    super(`${code}: ${field} at byte ${String(position)} is ${actual}, expected ${expected}`);
    this.code = code;
    this.field = field;
    this.position = position;
    this.expected = expected;
    this.actual = actual;
  }

  /** Whether the frames after this one can still be found. When false, the rest of the batch is lost. */
  get resumable(): boolean {
    return this.code !== "ERR_DECODE_TRUNCATED" && this.code !== "ERR_DECODE_FRAME";
  }
}

/** A text is not a record of the JSON contract. Raised by `fromJson`. */
export class RecordJsonError extends Error {
  override readonly name = "RecordJsonError";
  /** Stable. */
  readonly code = "ERR_RECORD_JSON";
  /** The member that is wrong, as in `remote.port`; empty for the text as a whole. */
  readonly path: string;
  /** What may stand there. */
  readonly expected: string;

  constructor(path: string, expected: string, options?: ErrorOptions) {
    super(`ERR_RECORD_JSON: ${path === "" ? "the record" : path} has to be ${expected}`, options);
    this.path = path;
    this.expected = expected;
  }
}
