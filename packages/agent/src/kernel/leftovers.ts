import { DIRECTION, GAP_CAUSE, LAYOUT, RECORD_TYPE } from "@tcptracker/events";
import { verdictOf } from "@tcptracker/filter";
import { FRAME_HEADER_BYTES, frameBytes } from "@tcptracker/libbpf";

/** The records that the full ring refused for one connection. */
export interface Leftovers {
  /** Frames, as a ring buffer reader delivers them. */
  readonly batch: Uint8Array;
  /** Bytes that the gap records among them declare. */
  readonly gapBytes: bigint;
  readonly records: number;
  /** Bytes that are in none of them because a filter rejects the connection. */
  readonly filteredBytes: bigint;
}

const { tt_record: RECORD, tt_open: OPEN, tt_gap: GAP, tt_close: CLOSE, tt_connection: CONNECTION } = LAYOUT;

function frame(record: Uint8Array): Uint8Array {
  const framed = new Uint8Array(frameBytes(record.length));
  new DataView(framed.buffer).setUint32(0, record.length, true);
  framed.set(record, FRAME_HEADER_BYTES);
  return framed;
}

/** A record that begins with the entry's header. */
function recordOf(
  entry: Uint8Array,
  type: number,
  direction: number,
  size: number,
): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(size);
  bytes.set(entry.subarray(0, RECORD.size));
  const view = new DataView(bytes.buffer);
  view.setUint32(RECORD.fields.length.offset, size, true);
  view.setUint8(RECORD.fields.type.offset, type);
  view.setUint8(RECORD.fields.direction.offset, direction);
  return { bytes, view };
}

/**
 * The records that the kernel owes for a connection: what the ring had no room for, in the order in which the kernel
 * would have sent them.
 *
 * @param entry - a value of the `unsent` or the `connections` map (struct tt_connection)
 * @param ended - whether the close record is one of them
 */
export function leftoversOf(entry: Uint8Array, ended: boolean): Leftovers {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  const fields = CONNECTION.fields;
  const frames: Uint8Array[] = [];
  let gapBytes = 0n;
  if (view.getUint8(fields.open_owed.offset) === 1)
    frames.push(frame(recordOf(entry, RECORD_TYPE.open, 0, OPEN.size).bytes));
  const number = ({ offset }: { readonly offset: number }): bigint => view.getBigUint64(offset, true);
  const declare = (direction: number, offset: bigint, size: bigint, cause: number): void => {
    if (size === 0n) return;
    const gap = recordOf(entry, RECORD_TYPE.gap, direction, GAP.size);
    gap.view.setBigUint64(GAP.fields.offset.offset, offset, true);
    gap.view.setBigUint64(GAP.fields.size.offset, size, true);
    gap.view.setUint16(GAP.fields.cause.offset, cause, true);
    frames.push(frame(gap.bytes));
    gapBytes += size;
  };
  for (const name of ["egress", "ingress"] as const) {
    const direction = DIRECTION[name];
    const [offset, size] = [number(fields[`${name}_owed_offset`]), number(fields[`${name}_owed_size`])];
    declare(direction, offset, size, GAP_CAUSE.ring_full);
    const unseen = number(fields[`${name}_unseen`]);
    declare(direction, number(CLOSE.fields[`${name}_bytes`]) - unseen, unseen, GAP_CAUSE.unseen);
  }
  if (ended) frames.push(frame(entry.slice(0, CLOSE.size)));
  return { batch: Buffer.concat(frames), gapBytes, records: frames.length, filteredBytes: 0n };
}

/** Leaves what an entry owes to a filter: of a connection that has not ended, nobody knows when that went missing. */
export function leaveTo(generation: number, entry: Uint8Array): void {
  entry[RECORD.fields.filter.offset] = generation;
}

/** Whether the filter of a generation has said that it wants nothing of the connection. */
export function isRejected(entry: Uint8Array, generation: number): boolean {
  const view = new DataView(entry.buffer, entry.byteOffset, entry.length);
  return view.getUint32(CONNECTION.fields.verdict.offset, true) === verdictOf(false, generation);
}

/** The same without a record: their bytes count as filtered out. */
export function filteredOut({ gapBytes }: Leftovers): Leftovers {
  return { batch: new Uint8Array(0), gapBytes: 0n, records: 0, filteredBytes: gapBytes };
}
