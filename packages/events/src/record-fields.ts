import { formatIpv4At, formatIpv6At } from "./addresses.ts";
import * as layout from "./gen/layout.ts";
import type { Direction, GapCause, Joined, Network, RecordType, Role, Syscall } from "./gen/layout.ts";
import { WordCache } from "./word-cache.ts";

const NOTHING = new Uint8Array(0);
/** The view while there is no record: any accessor then raises RangeError instead of reading something stale. */
const NO_RECORD = new DataView(new ArrayBuffer(0));
const CACHE_SLOTS = 4096;
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The fields of one record, read in place. A field that a type of record does not have reads as 0, 0n, undefined or no
 * bytes. The `…Number` variants are faster and exact below 2^53; the bigint ones are always exact.
 *
 * Without a record, a field that every record has throws RangeError, and nothing stale is ever read.
 */
export abstract class RecordFields {
  readonly #names = new WordCache(CACHE_SLOTS);
  readonly #ipv4 = new WordCache(CACHE_SLOTS);
  readonly #ipv6 = new WordCache(CACHE_SLOTS);
  readonly #connections = new WordCache(CACHE_SLOTS);
  #batch: Uint8Array = NOTHING;
  #view: DataView = NO_RECORD;
  #at = 0;
  #type = 0;

  /** Points the accessors at the record at `at`, which the caller has checked. */
  protected show(batch: Uint8Array, view: DataView, at: number): void {
    this.#batch = batch;
    this.#view = view;
    this.#at = at;
    this.#type = layout.recordType(view, at);
  }

  /** Leaves the accessors without a record. */
  protected hide(): void {
    this.#view = NO_RECORD;
    this.#type = 0;
  }

  /** Which kind of record this is. */
  get type(): RecordType {
    // checkRecord() has seen that the value has a name; so for the other names below that are never undefined.
    return layout.RECORD_TYPE_NAMES[layout.recordType(this.#view, this.#at)] as RecordType;
  }

  /** Absent for open and close records. */
  get direction(): Direction | undefined {
    const directed = this.#type === layout.RECORD_TYPE.data || this.#type === layout.RECORD_TYPE.gap;
    return directed ? layout.DIRECTION_NAMES[layout.recordDirection(this.#view, this.#at)] : undefined;
  }

  get role(): Role {
    return layout.ROLE_NAMES[layout.recordRole(this.#view, this.#at)] as Role;
  }

  get joined(): Joined {
    return layout.JOINED_NAMES[layout.recordJoined(this.#view, this.#at)] as Joined;
  }

  get network(): Network {
    return layout.NETWORK_NAMES[layout.recordNetwork(this.#view, this.#at)] as Network;
  }

  /** Absent when no call was involved. */
  get syscall(): Syscall | undefined {
    return layout.SYSCALL_NAMES[layout.recordSyscall(this.#view, this.#at)];
  }

  /** Nanoseconds of CLOCK_MONOTONIC, when the call returned. */
  get time(): bigint {
    return layout.recordTime(this.#view, this.#at);
  }

  /** {@link time} as a number: exact for the first 104 days after boot. */
  get timeNumber(): number {
    return layout.recordTimeNumber(this.#view, this.#at);
  }

  /** The connection: 16 hexadecimal digits. */
  get connectionId(): string {
    const low = layout.recordConnectionLow(this.#view, this.#at);
    const high = layout.recordConnectionHigh(this.#view, this.#at);
    return this.#connections.get(low, high, 0, 0, formatConnection, this.#batch, this.#at);
  }

  get connection(): bigint {
    return layout.recordConnection(this.#view, this.#at);
  }

  /** The low 32 bits of {@link connection}: with the high ones, a key that needs no allocation. */
  get connectionLow(): number {
    return layout.recordConnectionLow(this.#view, this.#at);
  }

  /** The high 32 bits of {@link connection}. */
  get connectionHigh(): number {
    return layout.recordConnectionHigh(this.#view, this.#at);
  }

  /** The cgroup v2 id of the task; 0n if it has none. */
  get cgroup(): bigint {
    return layout.recordCgroup(this.#view, this.#at);
  }

  get pid(): number {
    return layout.recordPid(this.#view, this.#at);
  }

  get tid(): number {
    return layout.recordTid(this.#view, this.#at);
  }

  get uid(): number {
    return layout.recordUid(this.#view, this.#at);
  }

  /** The command name of the process; may be empty. Bytes that are not UTF-8 are U+FFFD. */
  get processName(): string {
    return this.#text(this.#names, decodeName, this.#at + layout.RECORD_NAME_OFFSET);
  }

  get localAddress(): string {
    return this.#address(this.#at + layout.RECORD_LOCAL_ADDRESS_OFFSET);
  }

  get remoteAddress(): string {
    return this.#address(this.#at + layout.RECORD_REMOTE_ADDRESS_OFFSET);
  }

  /** 16 bytes in the batch; IPv4 as ::ffff:a.b.c.d. */
  get localAddressBytes(): Uint8Array {
    return this.#slice(layout.RECORD_LOCAL_ADDRESS_OFFSET, layout.RECORD_LOCAL_ADDRESS_LENGTH);
  }

  /** 16 bytes in the batch; IPv4 as ::ffff:a.b.c.d. */
  get remoteAddressBytes(): Uint8Array {
    return this.#slice(layout.RECORD_REMOTE_ADDRESS_OFFSET, layout.RECORD_REMOTE_ADDRESS_LENGTH);
  }

  get localPort(): number {
    return layout.recordLocalPort(this.#view, this.#at);
  }

  get remotePort(): number {
    return layout.recordRemotePort(this.#view, this.#at);
  }

  /** Low bits of the generation of the filter that judged the call in the kernel; 0 when none has. */
  get filterGeneration(): number {
    return layout.recordFilter(this.#view, this.#at);
  }

  /** Of the first byte that a data or gap record covers, in its direction. */
  get offset(): bigint {
    if (this.#type === layout.RECORD_TYPE.data) return layout.dataOffset(this.#view, this.#at);
    return this.#type === layout.RECORD_TYPE.gap ? layout.gapOffset(this.#view, this.#at) : 0n;
  }

  get offsetNumber(): number {
    if (this.#type === layout.RECORD_TYPE.data) return layout.dataOffsetNumber(this.#view, this.#at);
    return this.#type === layout.RECORD_TYPE.gap ? layout.gapOffsetNumber(this.#view, this.#at) : 0;
  }

  /** Data: bytes the whole call moved. Gap: missing bytes. */
  get size(): bigint {
    if (this.#type === layout.RECORD_TYPE.data) return layout.dataSize(this.#view, this.#at);
    return this.#type === layout.RECORD_TYPE.gap ? layout.gapSize(this.#view, this.#at) : 0n;
  }

  get sizeNumber(): number {
    if (this.#type === layout.RECORD_TYPE.data) return layout.dataSizeNumber(this.#view, this.#at);
    return this.#type === layout.RECORD_TYPE.gap ? layout.gapSizeNumber(this.#view, this.#at) : 0;
  }

  /** Payload bytes of a data record. */
  get captured(): number {
    return this.#type === layout.RECORD_TYPE.data ? layout.dataCaptured(this.#view, this.#at) : 0;
  }

  /** The payload of a data record, in the batch: copy it to keep it. */
  get payload(): Uint8Array {
    return this.#type === layout.RECORD_TYPE.data ? this.#slice(layout.DATA_SIZE, this.captured) : NOTHING;
  }

  /** Of a gap record. */
  get cause(): GapCause | undefined {
    return this.#type === layout.RECORD_TYPE.gap
      ? layout.GAP_CAUSE_NAMES[layout.gapCause(this.#view, this.#at)]
      : undefined;
  }

  /** Of a close record, as the following ones: bytes sent since the tap saw the connection. */
  get egressBytes(): bigint {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeEgressBytes(this.#view, this.#at) : 0n;
  }

  get ingressBytes(): bigint {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeIngressBytes(this.#view, this.#at) : 0n;
  }

  /** Nanoseconds since the tap saw the connection. */
  get duration(): bigint {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeDuration(this.#view, this.#at) : 0n;
  }

  /** Microseconds; 0n if the kernel never measured it. */
  get smoothedRtt(): bigint {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeSmoothedRtt(this.#view, this.#at) : 0n;
  }

  /** Segments, over the whole life of the connection. */
  get retransmits(): number {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeRetransmits(this.#view, this.#at) : 0;
  }

  /** The sides that the process shut down itself: bits of SHUTDOWN. */
  get shutdownBits(): number {
    return this.#type === layout.RECORD_TYPE.close ? layout.closeShutdown(this.#view, this.#at) : 0;
  }

  /** The whole record, in the batch: what a raw recording keeps. */
  get bytes(): Uint8Array {
    return this.#slice(0, layout.recordLength(this.#view, this.#at));
  }

  #address(at: number): string {
    if (layout.recordNetwork(this.#view, this.#at) === layout.NETWORK.ipv4)
      return this.#text(this.#ipv4, formatIpv4At, at);
    return this.#text(this.#ipv6, formatIpv6At, at);
  }

  #text(cache: WordCache, make: (bytes: Uint8Array, at: number) => string, at: number): string {
    const view = this.#view;
    const a = view.getUint32(at, true);
    const b = view.getUint32(at + 4, true);
    const c = view.getUint32(at + 8, true);
    const d = view.getUint32(at + 12, true);
    return cache.get(a, b, c, d, make, this.#batch, at);
  }

  #slice(offset: number, length: number): Uint8Array {
    if (this.#view === NO_RECORD)
      throw new RangeError("there is no record here: next() was not called, or found none");
    return this.#batch.subarray(this.#at + offset, this.#at + offset + length);
  }
}

function decodeName(bytes: Uint8Array, at: number): string {
  const name = bytes.subarray(at, at + layout.RECORD_NAME_LENGTH);
  const end = name.indexOf(0);
  return DECODER.decode(end === -1 ? name : name.subarray(0, end));
}

function formatConnection(bytes: Uint8Array, at: number): string {
  const { offset } = layout.LAYOUT.tt_record.fields.connection;
  return hexWord(bytes, at + offset + 4) + hexWord(bytes, at + offset);
}

function hexWord(bytes: Uint8Array, at: number): string {
  let word = 0;
  for (let index = 3; index >= 0; index--) word = word * 256 + (bytes[at + index] ?? 0);
  return word.toString(16).padStart(8, "0");
}
