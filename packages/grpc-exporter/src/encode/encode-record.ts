import {
  DIRECTION,
  EXPORT_GAP_CAUSE,
  GAP_CAUSE,
  JOINED,
  NETWORK,
  ROLE,
  SHUTDOWN,
  SYSCALL,
  type CloseRecord,
  type DataRecord,
  type Endpoint,
  type GapRecord,
  type PodIdentity,
  type RecordBase,
  type TapRecord,
} from "@tcptracker/events";
import { addressBytes } from "./addresses.ts";
import { bigVarintSize, varintSize, type ByteWriter } from "./byte-writer.ts";
import { bytesTag, fixed64Tag, RECORD, varintTag } from "./tags.ts";

/** More than the fixed part of any record takes, without texts and payload. */
export const FIXED_PART = 256;

/** Bytes of a record beside its payload, roughly: what the guess of its length is made from. */
const TYPICAL_HEADER = 100;

const CAUSES: Readonly<Record<string, number>> = { ...GAP_CAUSE, ...EXPORT_GAP_CAUSE };

/**
 * Writes a record as field `tag` of the message that encloses it. The bytes are those that protobuf-es makes of the
 * same record (test/encoders.test.ts), at a fraction of the cost: nothing is allocated for a record.
 */
export function encodeRecord(writer: ByteWriter, tag: number, record: TapRecord): void {
  const payload = record.type === "data" ? (record.payload?.length ?? 0) : 0;
  writer.reserve(FIXED_PART + payload);
  writer.varint(tag);
  const start = writer.at;
  const reserved = varintSize(TYPICAL_HEADER + payload);
  writer.at += reserved;
  writeBase(writer, record);
  writer.reserve(FIXED_PART + payload);
  switch (record.type) {
    case "open":
      writer.varint(RECORD.open);
      writer.byte(0);
      break;
    case "data":
      writeData(writer, record);
      break;
    case "gap":
      writeGap(writer, record);
      break;
    case "close":
      writeClose(writer, record);
      break;
  }
  writer.closeMessage(start, reserved);
}

/** What all records have, in the order of the fields' numbers. */
function writeBase(writer: ByteWriter, record: RecordBase): void {
  if (record.time !== 0n) {
    writer.byte(RECORD.time);
    writer.fixed64(record.time);
  }
  writeConnection(writer, record);
  writeEndpoint(writer, RECORD.local, record.local);
  writeEndpoint(writer, RECORD.remote, record.remote);
  writer.byte(RECORD.network);
  writer.byte(NETWORK[record.network.type]);
  writeProcess(writer, record);
  writer.reserve(FIXED_PART);
  if (record.cgroup !== undefined) {
    writer.byte(RECORD.cgroup);
    writer.bigVarint(record.cgroup.id);
  }
  const { container, pod } = record;
  if (container !== undefined)
    writeTexts(writer, RECORD.container, container.id, container.name, container.image, container.runtime);
  if (pod !== undefined) writePod(writer, pod);
  if (record.syscall !== undefined) {
    writer.byte(RECORD.syscall);
    writer.varint(SYSCALL[record.syscall]);
  }
  const { pod: remotePod, service } = record.remote;
  if (remotePod !== undefined) writeTexts(writer, RECORD.remotePod, remotePod.name, remotePod.namespace);
  if (service !== undefined) writeTexts(writer, RECORD.remoteService, service.name, service.namespace);
}

function writeConnection(writer: ByteWriter, { connection }: RecordBase): void {
  writer.byte(RECORD.connection);
  const start = writer.at++;
  const low = hexWord(connection.id, 8);
  const high = hexWord(connection.id, 0);
  if (low !== 0 || high !== 0) {
    writer.byte(fixed64Tag(1));
    writer.fixed64Of(low, high);
  }
  writer.byte(varintTag(2));
  writer.byte(ROLE[connection.role]);
  writer.byte(varintTag(3));
  writer.byte(JOINED[connection.joined]);
  writer.bytes[start] = writer.at - start - 1;
}

/** Eight hexadecimal digits of a connection's id. */
function hexWord(text: string, from: number): number {
  let word = 0;
  for (let index = from; index < from + 8; index++) {
    const code = text.charCodeAt(index);
    word = (word << 4) | (code < 0x3a ? code - 0x30 : (code & 0xdf) - 0x37);
  }
  return word >>> 0;
}

function writeEndpoint(writer: ByteWriter, tag: number, { address, port }: Endpoint): void {
  const bytes = addressBytes(address);
  writer.byte(tag);
  const start = writer.at++;
  writer.byte(bytesTag(1));
  writer.byte(bytes.length);
  writer.raw(bytes, 0, bytes.length);
  if (port !== 0) {
    writer.byte(varintTag(2));
    writer.varint(port);
  }
  writer.bytes[start] = writer.at - start - 1;
}

function writeProcess(writer: ByteWriter, { process }: RecordBase): void {
  const { pid, tid, name, uid } = process;
  writer.byte(RECORD.process);
  const start = writer.at++;
  writeCount(writer, 1, pid);
  writeCount(writer, 2, tid);
  if (name !== undefined && name !== "") {
    writer.byte(bytesTag(3));
    writer.text(name);
    writer.reserve(FIXED_PART);
  }
  writeCount(writer, 4, uid);
  writer.closeMessage(start, 1);
}

/** A message of texts, numbered 1, 2, 3, …. */
function writeTexts(writer: ByteWriter, tag: number, ...texts: readonly (string | undefined)[]): void {
  writer.byte(tag);
  const start = writer.at++;
  for (const [index, text] of texts.entries())
    if (text !== undefined && text !== "") writeText(writer, index + 1, text);
  writer.closeMessage(start, 1);
  writer.reserve(FIXED_PART);
}

function writeText(writer: ByteWriter, number: number, text: string): void {
  writer.reserve(FIXED_PART);
  writer.byte(bytesTag(number));
  writer.text(text);
}

function writePod(writer: ByteWriter, { name, namespace, uid, labels, owner }: PodIdentity): void {
  writer.byte(RECORD.pod);
  const start = writer.at++;
  for (const [index, text] of [name, namespace, uid].entries())
    if (text !== undefined && text !== "") writeText(writer, index + 1, text);
  writer.reserve(FIXED_PART);
  // The entry of a map has both, also where they are empty.
  for (const [label, value] of Object.entries(labels ?? {})) {
    writer.byte(bytesTag(4));
    const entry = writer.at++;
    writeText(writer, 1, label);
    writeText(writer, 2, value);
    writer.closeMessage(entry, 1);
    writer.reserve(FIXED_PART);
  }
  if (owner !== undefined) writeTexts(writer, bytesTag(5), owner.kind, owner.name);
  writer.closeMessage(start, 1);
  writer.reserve(FIXED_PART);
}

function writeData(writer: ByteWriter, { direction, offset, size, payload, redacted }: DataRecord): void {
  const count = payload?.length ?? 0;
  const length =
    2 +
    (offset === 0n ? 0 : 1 + bigVarintSize(offset)) +
    (size === 0n ? 0 : 1 + bigVarintSize(size)) +
    (count === 0 ? 0 : 1 + varintSize(count) + count);
  writer.varint(RECORD.data);
  const start = writer.at;
  // Exact, but for the redacted parts, which are few and follow.
  const reserved = varintSize(length);
  writer.at += reserved;
  writeDirected(writer, direction, offset, size);
  if (payload !== undefined && count > 0) {
    writer.byte(bytesTag(4));
    writer.varint(count);
    writer.raw(payload, 0, count);
  }
  for (const part of redacted ?? []) {
    writer.reserve(FIXED_PART);
    writer.byte(bytesTag(5));
    const range = writer.at++;
    writeCount(writer, 1, part.offset);
    writeCount(writer, 2, part.size);
    writer.bytes[range] = writer.at - range - 1;
  }
  writer.closeMessage(start, reserved);
}

function writeGap(writer: ByteWriter, { direction, offset, size, cause }: GapRecord): void {
  writer.varint(RECORD.gap);
  const start = writer.at++;
  writeDirected(writer, direction, offset, size);
  writer.byte(varintTag(4));
  writer.byte(CAUSES[cause] ?? 0);
  writer.bytes[start] = writer.at - start - 1;
}

function writeDirected(
  writer: ByteWriter,
  direction: DataRecord["direction"],
  offset: bigint,
  size: bigint,
): void {
  writer.byte(varintTag(1));
  writer.byte(DIRECTION[direction]);
  writeSum(writer, 2, offset);
  writeSum(writer, 3, size);
}

function writeClose(writer: ByteWriter, record: CloseRecord): void {
  writer.varint(RECORD.close);
  const start = writer.at++;
  writeSum(writer, 1, record.egress.bytes);
  writeSum(writer, 2, record.ingress.bytes);
  writeSum(writer, 3, record.duration);
  if (record.tcp.smoothedRtt !== undefined) {
    writer.byte(varintTag(4));
    writer.bigVarint(record.tcp.smoothedRtt);
  }
  writeCount(writer, 5, record.tcp.retransmits);
  const shutdown = record.shutdown ?? [];
  if (shutdown.length > 0) {
    writer.byte(bytesTag(6));
    writer.byte(shutdown.length);
    for (const side of shutdown) writer.byte(SHUTDOWN[side]);
  }
  writer.bytes[start] = writer.at - start - 1;
}

/** A field of up to 53 bits; 0 is not written. */
export function writeCount(writer: ByteWriter, number: number, value: number): void {
  if (value === 0) return;
  writer.byte(varintTag(number));
  writer.varint(value);
}

/** A field of 64 bits; 0 is not written. */
export function writeSum(writer: ByteWriter, number: number, value: bigint): void {
  if (value === 0n) return;
  writer.byte(varintTag(number));
  writer.bigVarint(value);
}
