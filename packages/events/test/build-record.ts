/** Records as the kernel programs write them, from the generated layout: for tests and for fuzzing. */
import { LAYOUT, RECORD_TYPE } from "../src/gen/layout.ts";
import type { RecordType } from "../src/gen/layout.ts";

/** Values of fields, by their names in C. What is left out is 0. */
export type FieldValues = Readonly<Record<string, number | bigint | Uint8Array>>;

const STRUCTURES = { open: "tt_open", data: "tt_data", gap: "tt_gap", close: "tt_close" } as const;

interface FieldLayout {
  readonly kind: string;
  readonly offset: number;
  readonly size: number;
}

/** A record that decodes, of client traffic from 192.0.2.1:40000 to 198.51.100.2:80, with `values` over it. */
export function buildRecord(
  type: RecordType,
  values: FieldValues = {},
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const { size } = LAYOUT[STRUCTURES[type]];
  const record = new Uint8Array(size + payload.length);
  const own: FieldValues = {
    open: { syscall: 13 },
    data: { direction: 1, syscall: 8, size: payload.length, captured: payload.length },
    gap: { direction: 1, size: 1, cause: 1 },
    close: { duration: 1_000_000 },
  }[type];
  writeFields(record, type, {
    length: record.length,
    type: RECORD_TYPE[type],
    role: 1,
    joined: 1,
    time: 1_000_000_000n,
    connection: 0x1122334455667788n,
    cgroup: 42,
    pid: 100,
    tid: 101,
    uid: 1000,
    network: 4,
    name: text("curl"),
    local_address: ipv4(192, 0, 2, 1),
    remote_address: ipv4(198, 51, 100, 2),
    local_port: 40000,
    remote_port: 80,
    ...own,
    ...values,
  });
  record.set(payload, size);
  return record;
}

/** Writes fields into the bytes of a record, and any value that fits: also wrong ones. */
export function writeFields(record: Uint8Array, type: RecordType, values: FieldValues): void {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const fields: Readonly<Record<string, FieldLayout>> = {
    ...LAYOUT.tt_record.fields,
    ...LAYOUT[STRUCTURES[type]].fields,
  };
  for (const [name, value] of Object.entries(values)) {
    const field = fields[name];
    if (field === undefined) throw new Error(`a record of type ${type} has no field ${name}`);
    if (value instanceof Uint8Array) record.set(value.subarray(0, field.size), field.offset);
    else if (field.kind === "u8") view.setUint8(field.offset, Number(value));
    else if (field.kind === "u16") view.setUint16(field.offset, Number(value), true);
    else if (field.kind === "u32") view.setUint32(field.offset, Number(value), true);
    else view.setBigUint64(field.offset, BigInt(value), true);
  }
}

/** A batch: each record in a frame of its own, `slack` bytes longer than the record. */
export function buildBatch(records: readonly Uint8Array[], slack = 0): Uint8Array {
  const frames = records.map((record) => {
    const length = record.length + slack;
    const frame = new Uint8Array(8 + Math.ceil(length / 8) * 8);
    new DataView(frame.buffer).setUint32(0, length, true);
    frame.set(record, 8);
    return frame;
  });
  const batch = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    batch.set(frame, at);
    at += frame.length;
  }
  return batch;
}

/** An IPv4 address as a record holds it. */
export function ipv4(a: number, b: number, c: number, d: number): Uint8Array {
  return Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]);
}

/** The bytes of a text. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
