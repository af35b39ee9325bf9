/** Whether the bytes of a frame are a record. What passes here, the accessors can read without another look. */
import { DecodeError } from "./errors.ts";
import type { DecodeErrorCode } from "./errors.ts";
import {
  CLOSE_SIZE,
  DATA_SIZE,
  DIRECTION,
  DIRECTION_NAMES,
  GAP_CAUSE_NAMES,
  GAP_SIZE,
  JOINED_NAMES,
  LAYOUT,
  NETWORK_NAMES,
  OPEN_SIZE,
  RECORD_SIZE,
  RECORD_TYPE,
  ROLE_NAMES,
  SHUTDOWN,
  SYSCALL_NAMES,
  closeShutdown,
  dataCaptured,
  dataSizeHigh,
  dataSizeLow,
  gapCause,
  recordDirection,
  recordJoined,
  recordLength,
  recordNetwork,
  recordRole,
  recordSyscall,
  recordType,
} from "./gen/layout.ts";

const SHUTDOWN_BITS = Object.values(SHUTDOWN).reduce((bits, bit) => bits | bit, 0);

/**
 * Checks the record in the `frame` bytes at `at`; undefined if it is one. Positions are
 * relative to the view, which is the batch.
 */
export function checkRecord(view: DataView, at: number, frame: number): DecodeError | undefined {
  if (frame < RECORD_SIZE) {
    return wrong("ERR_DECODE_LENGTH", "frame.length", at - 8, `at least ${String(RECORD_SIZE)}`, frame);
  }
  const length = recordLength(view, at);
  if (length < RECORD_SIZE || length > frame) {
    return badLength(at, length, `from ${String(RECORD_SIZE)} to ${String(frame)} (the frame)`);
  }
  const header = checkHeader(view, at);
  if (header !== undefined) return header;
  switch (recordType(view, at)) {
    case RECORD_TYPE.data:
      return checkData(view, at, length);
    case RECORD_TYPE.gap:
      return checkGap(view, at, length);
    case RECORD_TYPE.open:
      return length === OPEN_SIZE ? undefined : badLength(at, length, `${String(OPEN_SIZE)} (open)`);
    case RECORD_TYPE.close:
      return checkClose(view, at, length);
    default: {
      const { offset } = LAYOUT.tt_record.fields.type;
      return wrong("ERR_DECODE_TYPE", "type", at + offset, "a record type", recordType(view, at));
    }
  }
}

function checkHeader(view: DataView, at: number): DecodeError | undefined {
  const { fields } = LAYOUT.tt_record;
  if (ROLE_NAMES[recordRole(view, at)] === undefined) {
    return wrong("ERR_DECODE_ENUM", "role", at + fields.role.offset, "a role", recordRole(view, at));
  }
  if (JOINED_NAMES[recordJoined(view, at)] === undefined) {
    return wrong(
      "ERR_DECODE_ENUM",
      "joined",
      at + fields.joined.offset,
      "start or midstream",
      recordJoined(view, at),
    );
  }
  if (NETWORK_NAMES[recordNetwork(view, at)] === undefined) {
    return wrong("ERR_DECODE_ENUM", "network", at + fields.network.offset, "4 or 6", recordNetwork(view, at));
  }
  const syscall = recordSyscall(view, at);
  if (syscall !== 0 && SYSCALL_NAMES[syscall] === undefined) {
    return wrong(
      "ERR_DECODE_ENUM",
      "syscall",
      at + fields.syscall.offset,
      "a call of the table, or 0",
      syscall,
    );
  }
  const direction = recordDirection(view, at);
  if (direction !== 0 && DIRECTION_NAMES[direction] === undefined) {
    return wrong("ERR_DECODE_ENUM", "direction", at + fields.direction.offset, "a direction", direction);
  }
  return undefined;
}

function checkData(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length < DATA_SIZE) return badLength(at, length, `at least ${String(DATA_SIZE)} (data)`);
  const { fields } = LAYOUT.tt_data;
  const captured = dataCaptured(view, at);
  if (captured !== length - DATA_SIZE) {
    const expected = `${String(length - DATA_SIZE)} (the rest of the record)`;
    return wrong("ERR_DECODE_LENGTH", "captured", at + fields.captured.offset, expected, captured);
  }
  if (dataSizeHigh(view, at) === 0 && dataSizeLow(view, at) < captured) {
    const expected = `at least ${String(captured)} (captured)`;
    return wrong("ERR_DECODE_LENGTH", "size", at + fields.size.offset, expected, dataSizeLow(view, at));
  }
  return checkDirected(view, at);
}

function checkGap(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length !== GAP_SIZE) return badLength(at, length, `${String(GAP_SIZE)} (gap)`);
  const cause = gapCause(view, at);
  if (GAP_CAUSE_NAMES[cause] === undefined) {
    return wrong(
      "ERR_DECODE_ENUM",
      "cause",
      at + LAYOUT.tt_gap.fields.cause.offset,
      "the cause of a gap",
      cause,
    );
  }
  return checkDirected(view, at);
}

function checkClose(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length !== CLOSE_SIZE) return badLength(at, length, `${String(CLOSE_SIZE)} (close)`);
  const shutdown = closeShutdown(view, at);
  if ((shutdown & ~SHUTDOWN_BITS) !== 0) {
    const { offset } = LAYOUT.tt_close.fields.shutdown;
    return wrong("ERR_DECODE_ENUM", "shutdown", at + offset, `bits of ${String(SHUTDOWN_BITS)}`, shutdown);
  }
  return undefined;
}

/** Data and gap records are about one direction. */
function checkDirected(view: DataView, at: number): DecodeError | undefined {
  const direction = recordDirection(view, at);
  if (direction === DIRECTION.egress || direction === DIRECTION.ingress) return undefined;
  const { offset } = LAYOUT.tt_record.fields.direction;
  return wrong("ERR_DECODE_ENUM", "direction", at + offset, "egress or ingress", direction);
}

function badLength(at: number, length: number, expected: string): DecodeError {
  return wrong("ERR_DECODE_LENGTH", "length", at + LAYOUT.tt_record.fields.length.offset, expected, length);
}

function wrong(
  code: DecodeErrorCode,
  field: string,
  position: number,
  expected: string,
  actual: number,
): DecodeError {
  return new DecodeError({ code, field, position, expected, actual: String(actual) });
}
