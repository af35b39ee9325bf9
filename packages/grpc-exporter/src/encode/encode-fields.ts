import { LAYOUT, NETWORK, RECORD_TYPE, SHUTDOWN, type RecordFields } from "@tcptracker/events";
import { varintSize, type ByteWriter } from "./byte-writer.ts";
import { FIXED_PART, writeCount, writeSum } from "./encode-record.ts";
import { bytesTag, fixed64Tag, RECORD, varintTag } from "./tags.ts";

const { fields: AT } = LAYOUT.tt_record;
const { fields: DATA } = LAYOUT.tt_data;
const { fields: GAP } = LAYOUT.tt_gap;
const { fields: CLOSE } = LAYOUT.tt_close;
const NAME_LENGTH = AT.name.size;
const IPV4_LENGTH = 4;
const IPV6_LENGTH = 16;
const TYPICAL_HEADER = 100;
const TWO_TO_THE_32 = 0x1_0000_0000;
const LARGEST_HIGH = 0x1f_ffff;
const SHUTDOWN_BITS = Object.values(SHUTDOWN);

/**
 * Encodes records straight from the kernel's bytes: the same bytes as `encodeRecord(writer, tag, toRecord(fields, clock))`
 * without a text, a bigint or an object on the way.
 */
export class FieldsEncoder {
  #epochLow = 0;
  #epochHigh = 0;

  /** `offset`: what to add to the kernel's monotonic nanoseconds to get those since the epoch, as `clock.toEpoch(0n)`. */
  constructor(offset: bigint) {
    this.setEpoch(offset);
  }

  /** The wall clock was compared again. */
  setEpoch(offset: bigint): void {
    this.#epochLow = Number(BigInt.asUintN(32, offset));
    this.#epochHigh = Number(BigInt.asUintN(32, offset >> 32n));
  }

  /** Writes the record that `fields` stands at as field `tag` of the message that encloses it. */
  encode(writer: ByteWriter, tag: number, fields: RecordFields): void {
    const from = fields.bytes;
    const type = from[AT.type.offset] ?? 0;
    const payload = type === RECORD_TYPE.data ? u32(from, DATA.captured.offset) : 0;
    writer.reserve(FIXED_PART + payload);
    writer.varint(tag);
    const start = writer.at;
    const reserved = varintSize(TYPICAL_HEADER + payload);
    writer.at += reserved;
    this.#writeTime(writer, from);
    writeHeader(writer, from, fields);
    if (type === RECORD_TYPE.data) writeData(writer, from, payload);
    else if (type === RECORD_TYPE.gap) writeGap(writer, from);
    else if (type === RECORD_TYPE.close) writeClose(writer, from, fields);
    else {
      writer.varint(RECORD.open);
      writer.byte(0);
    }
    writer.closeMessage(start, reserved);
  }

  #writeTime(writer: ByteWriter, from: Uint8Array): void {
    const low = u32(from, AT.time.offset) + this.#epochLow;
    const carry = low >= TWO_TO_THE_32 ? 1 : 0;
    const high = (u32(from, AT.time.offset + 4) + this.#epochHigh + carry) >>> 0;
    if (low >>> 0 === 0 && high === 0) return;
    writer.byte(RECORD.time);
    writer.fixed64Of(low >>> 0, high);
  }
}

function writeHeader(writer: ByteWriter, from: Uint8Array, fields: RecordFields): void {
  writeConnection(writer, from);
  const network = from[AT.network.offset] ?? 0;
  writeEndpoint(writer, RECORD.local, network, from, AT.local_address.offset, AT.local_port.offset);
  writeEndpoint(writer, RECORD.remote, network, from, AT.remote_address.offset, AT.remote_port.offset);
  writer.byte(RECORD.network);
  writer.byte(network);
  writeProcess(writer, from, fields);
  const cgroup = AT.cgroup.offset;
  if (u32(from, cgroup) !== 0 || u32(from, cgroup + 4) !== 0) writeU64(writer, 7, from, cgroup);
  const syscall = u16(from, AT.syscall.offset);
  if (syscall === 0) return;
  writer.byte(RECORD.syscall);
  writer.varint(syscall);
}

function writeConnection(writer: ByteWriter, from: Uint8Array): void {
  const id = AT.connection.offset;
  const [low, high] = [u32(from, id), u32(from, id + 4)];
  writer.byte(RECORD.connection);
  const start = writer.at++;
  if (low !== 0 || high !== 0) {
    writer.byte(fixed64Tag(1));
    writer.fixed64Of(low, high);
  }
  writer.byte(varintTag(2));
  writer.byte(from[AT.role.offset] ?? 0);
  writer.byte(varintTag(3));
  writer.byte(from[AT.joined.offset] ?? 0);
  writer.bytes[start] = writer.at - start - 1;
}

function writeEndpoint(
  writer: ByteWriter,
  tag: number,
  network: number,
  from: Uint8Array,
  address: number,
  port: number,
): void {
  // IPv4 is ::ffff:a.b.c.d there: its last four bytes.
  const length = network === NETWORK.ipv4 ? IPV4_LENGTH : IPV6_LENGTH;
  writer.byte(tag);
  const start = writer.at++;
  writer.byte(bytesTag(1));
  writer.byte(length);
  writer.raw(from, address + IPV6_LENGTH - length, length);
  writeCount(writer, 2, u16(from, port));
  writer.bytes[start] = writer.at - start - 1;
}

function writeProcess(writer: ByteWriter, from: Uint8Array, fields: RecordFields): void {
  writer.byte(RECORD.process);
  const start = writer.at++;
  writeCount(writer, 1, u32(from, AT.pid.offset));
  writeCount(writer, 2, u32(from, AT.tid.offset));
  writeName(writer, from, fields);
  writeCount(writer, 4, u32(from, AT.uid.offset));
  // At most 15 characters: never more than 127 bytes.
  writer.bytes[start] = writer.at - start - 1;
}

function writeName(writer: ByteWriter, from: Uint8Array, fields: RecordFields): void {
  const name = AT.name.offset;
  let length = 0;
  for (; length < NAME_LENGTH; length++) {
    const code = from[name + length] ?? 0;
    if (code === 0) break;
    if (code < 0x80) continue;
    // Its bytes need not be UTF-8.
    writer.byte(bytesTag(3));
    writer.text(fields.processName);
    return;
  }
  if (length === 0) return;
  writer.byte(bytesTag(3));
  writer.byte(length);
  writer.raw(from, name, length);
}

function writeData(writer: ByteWriter, from: Uint8Array, payload: number): void {
  writer.varint(RECORD.data);
  const start = writer.at;
  const reserved = varintSize(payload + 16);
  writer.at += reserved;
  writer.byte(varintTag(1));
  writer.byte(from[AT.direction.offset] ?? 0);
  writeU64(writer, 2, from, DATA.offset.offset);
  writeU64(writer, 3, from, DATA.size.offset);
  if (payload > 0) {
    writer.byte(bytesTag(4));
    writer.varint(payload);
    writer.raw(from, LAYOUT.tt_data.size, payload);
  }
  writer.closeMessage(start, reserved);
}

function writeGap(writer: ByteWriter, from: Uint8Array): void {
  writer.varint(RECORD.gap);
  const start = writer.at++;
  writer.byte(varintTag(1));
  writer.byte(from[AT.direction.offset] ?? 0);
  writeU64(writer, 2, from, GAP.offset.offset);
  writeU64(writer, 3, from, GAP.size.offset);
  writer.byte(varintTag(4));
  writer.byte(u16(from, GAP.cause.offset));
  writer.bytes[start] = writer.at - start - 1;
}

function writeClose(writer: ByteWriter, from: Uint8Array, fields: RecordFields): void {
  writer.varint(RECORD.close);
  const start = writer.at++;
  writeU64(writer, 1, from, CLOSE.egress_bytes.offset);
  writeU64(writer, 2, from, CLOSE.ingress_bytes.offset);
  writeU64(writer, 3, from, CLOSE.duration.offset);
  writeU64(writer, 4, from, CLOSE.smoothed_rtt.offset);
  writeCount(writer, 5, fields.retransmits);
  const sides = SHUTDOWN_BITS.filter((bit) => (fields.shutdownBits & bit) !== 0);
  if (sides.length > 0) {
    writer.byte(bytesTag(6));
    writer.byte(sides.length);
    for (const side of sides) writer.byte(side);
  }
  writer.bytes[start] = writer.at - start - 1;
}

/** A field of 64 bits; 0 is not written. Only values from 2^53 on need a bigint. */
function writeU64(writer: ByteWriter, number: number, from: Uint8Array, at: number): void {
  const [low, high] = [u32(from, at), u32(from, at + 4)];
  if (high <= LARGEST_HIGH) writeCount(writer, number, high * TWO_TO_THE_32 + low);
  else writeSum(writer, number, (BigInt(high) << 32n) | BigInt(low));
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}
