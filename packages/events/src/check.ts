/** Whether the bytes of a frame are a record. What passes here, the accessors can read without another look. */
import { DecodeError } from "./errors.ts";
import type { DecodeErrorCode } from "./errors.ts";
import * as layout from "./gen/layout.ts";

const SHUTDOWN_BITS = Object.values(layout.SHUTDOWN).reduce((bits, bit) => bits | bit, 0);
const { tt_record, tt_data, tt_gap, tt_close } = layout.LAYOUT;
const FIELDS = { ...tt_record.fields, captured: tt_data.fields.captured, size: tt_data.fields.size } as const;
const MEANINGS = {
  role: layout.ROLE_NAMES,
  joined: layout.JOINED_NAMES,
  network: layout.NETWORK_NAMES,
  direction: layout.DIRECTION_NAMES,
  syscall: layout.SYSCALL_NAMES,
} as const;

// This runs for every record, so the functions are small enough to be inlined, and all text is made by others.

/** Checks the record in the `frame` bytes at `at` of the batch; undefined if it is one. */
export function checkRecord(view: DataView, at: number, frame: number): DecodeError | undefined {
  if (frame < layout.RECORD_SIZE) return badFrame(at, frame);
  const length = layout.recordLength(view, at);
  if (length > frame) return badLength(at, length, layout.RECORD_SIZE, frame);
  const type = layout.recordType(view, at);
  if (type === layout.RECORD_TYPE.data) return checkData(view, at, length) ?? checkHeader(view, at);
  if (type === layout.RECORD_TYPE.gap) return checkGap(view, at, length) ?? checkHeader(view, at);
  if (type === layout.RECORD_TYPE.close) return checkClose(view, at, length) ?? checkHeader(view, at);
  if (type !== layout.RECORD_TYPE.open) return badType(at, type);
  return length === layout.OPEN_SIZE ? checkHeader(view, at) : badLength(at, length, layout.OPEN_SIZE);
}

function checkHeader(view: DataView, at: number): DecodeError | undefined {
  const role = layout.recordRole(view, at);
  if (layout.ROLE_NAMES[role] === undefined) return badValue(at, "role", role);
  const joined = layout.recordJoined(view, at);
  if (layout.JOINED_NAMES[joined] === undefined) return badValue(at, "joined", joined);
  const network = layout.recordNetwork(view, at);
  if (layout.NETWORK_NAMES[network] === undefined) return badValue(at, "network", network);
  const direction = layout.recordDirection(view, at);
  if (direction !== 0 && layout.DIRECTION_NAMES[direction] === undefined)
    return badValue(at, "direction", direction);
  const syscall = layout.recordSyscall(view, at);
  if (syscall !== 0 && layout.SYSCALL_NAMES[syscall] === undefined) return badValue(at, "syscall", syscall);
  return undefined;
}

function checkData(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length < layout.DATA_SIZE) return badLength(at, length, layout.DATA_SIZE, Infinity);
  const captured = layout.dataCaptured(view, at);
  if (captured !== length - layout.DATA_SIZE)
    return badCount(at, "captured", captured, length - layout.DATA_SIZE);
  const size = layout.dataSizeLow(view, at);
  if (size < captured && layout.dataSizeHigh(view, at) === 0) return badCount(at, "size", size, captured);
  // Data and gap records are about one direction.
  return layout.recordDirection(view, at) === 0 ? badValue(at, "direction", 0) : undefined;
}

function checkGap(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length !== layout.GAP_SIZE) return badLength(at, length, layout.GAP_SIZE);
  const cause = layout.gapCause(view, at);
  if (layout.GAP_CAUSE_NAMES[cause] === undefined) return badCause(at, cause);
  return layout.recordDirection(view, at) === 0 ? badValue(at, "direction", 0) : undefined;
}

function checkClose(view: DataView, at: number, length: number): DecodeError | undefined {
  if (length !== layout.CLOSE_SIZE) return badLength(at, length, layout.CLOSE_SIZE);
  const shutdown = layout.closeShutdown(view, at);
  return (shutdown & ~SHUTDOWN_BITS) === 0 ? undefined : badShutdown(at, shutdown);
}

function badFrame(at: number, frame: number): DecodeError {
  return wrong("ERR_DECODE_LENGTH", "frame.length", at - 8, `at least ${String(layout.RECORD_SIZE)}`, frame);
}

function badLength(at: number, length: number, least: number, most: number = least): DecodeError {
  const range = most === least ? String(least) : `from ${String(least)} to ${String(most)}`;
  const expected = most === Infinity ? `at least ${String(least)}` : range;
  return wrong("ERR_DECODE_LENGTH", "length", at + FIELDS.length.offset, expected, length);
}

function badCount(at: number, field: "captured" | "size", actual: number, captured: number): DecodeError {
  const expected = field === "size" ? `at least ${String(captured)}` : String(captured);
  return wrong("ERR_DECODE_LENGTH", field, at + FIELDS[field].offset, expected, actual);
}

function badType(at: number, type: number): DecodeError {
  return wrong("ERR_DECODE_TYPE", "type", at + FIELDS.type.offset, meanings(layout.RECORD_TYPE_NAMES), type);
}

function badValue(at: number, field: keyof typeof MEANINGS, actual: number): DecodeError {
  return wrong("ERR_DECODE_ENUM", field, at + FIELDS[field].offset, meanings(MEANINGS[field]), actual);
}

function badCause(at: number, cause: number): DecodeError {
  const position = at + tt_gap.fields.cause.offset;
  return wrong("ERR_DECODE_ENUM", "cause", position, meanings(layout.GAP_CAUSE_NAMES), cause);
}

function badShutdown(at: number, shutdown: number): DecodeError {
  const position = at + tt_close.fields.shutdown.offset;
  return wrong("ERR_DECODE_ENUM", "shutdown", position, `bits of ${String(SHUTDOWN_BITS)}`, shutdown);
}

/** `1 (client) or 2 (server)` */
function meanings(names: readonly (string | undefined)[]): string {
  return names
    .flatMap((name, value) => (name === undefined ? [] : [`${String(value)} (${name})`]))
    .join(" or ");
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
