import {
  DIRECTION,
  GAP_CAUSE,
  JOINED,
  LAYOUT,
  NETWORK,
  RECORD_TYPE,
  ROLE,
  SYSCALL,
  type GapCause,
} from "@tcptracker/events";
import { FRAME_HEADER_BYTES, frameBytes } from "@tcptracker/libbpf";

/** What matters of a record that a test makes; the rest is that of a client's connection. */
export interface RawRecord {
  readonly type: "open" | "data" | "gap" | "close";
  /** Generation of the filter that judged it, 0 by default. */
  readonly filter?: number;
  readonly time?: bigint;
  readonly tid?: number;
  readonly connection?: bigint;
  readonly offset?: bigint;
  /** Of data: bytes of the call. Default: the payload's. */
  readonly size?: bigint;
  readonly payload?: string;
  readonly cause?: GapCause;
}

const RECORD = LAYOUT.tt_record.fields;
const SIZES = {
  open: LAYOUT.tt_open.size,
  data: LAYOUT.tt_data.size,
  gap: LAYOUT.tt_gap.size,
  close: LAYOUT.tt_close.size,
} as const;

/** The bytes of records as a reader delivers them. */
export function batchOf(records: readonly RawRecord[]): Uint8Array {
  return new Uint8Array(Buffer.concat(records.map(frameOf)));
}

function frameOf(record: RawRecord): Uint8Array {
  const payload = Buffer.from(record.type === "data" ? (record.payload ?? "") : "");
  const length = SIZES[record.type] + payload.length;
  const bytes = new Uint8Array(frameBytes(length));
  new DataView(bytes.buffer).setUint32(0, length, true);
  const view = new DataView(bytes.buffer, FRAME_HEADER_BYTES);
  view.setUint32(RECORD.length.offset, length, true);
  view.setUint8(RECORD.type.offset, RECORD_TYPE[record.type]);
  view.setUint8(RECORD.role.offset, ROLE.client);
  view.setUint8(RECORD.joined.offset, JOINED.start);
  view.setUint8(RECORD.network.offset, NETWORK.ipv4);
  view.setUint8(RECORD.filter.offset, record.filter ?? 0);
  view.setBigUint64(RECORD.time.offset, record.time ?? 1n, true);
  view.setBigUint64(RECORD.connection.offset, record.connection ?? 7n, true);
  view.setUint32(RECORD.tid.offset, record.tid ?? 1, true);
  view.setUint16(RECORD.remote_port.offset, 80, true);
  if (record.type === "open" || record.type === "close") return bytes;
  view.setUint8(RECORD.direction.offset, DIRECTION.egress);
  view.setUint16(RECORD.syscall.offset, SYSCALL.write, true);
  const { tt_data: DATA, tt_gap: GAP } = LAYOUT;
  const size = record.size ?? BigInt(payload.length);
  if (record.type === "gap") {
    view.setBigUint64(GAP.fields.offset.offset, record.offset ?? 0n, true);
    view.setBigUint64(GAP.fields.size.offset, size, true);
    view.setUint16(GAP.fields.cause.offset, GAP_CAUSE[record.cause ?? "snaplen"], true);
    return bytes;
  }
  view.setBigUint64(DATA.fields.offset.offset, record.offset ?? 0n, true);
  view.setBigUint64(DATA.fields.size.offset, size, true);
  view.setUint32(DATA.fields.captured.offset, payload.length, true);
  bytes.set(payload, FRAME_HEADER_BYTES + DATA.size);
  return bytes;
}
