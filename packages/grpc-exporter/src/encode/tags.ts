/** The first bytes of fields in record.proto and collector.proto: number << 3 | wire type. */
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

type Field =
  | "time"
  | "connection"
  | "local"
  | "remote"
  | "network"
  | "process"
  | "cgroup"
  | "container"
  | "pod"
  | "syscall"
  | "remotePod"
  | "remoteService"
  | "open"
  | "data"
  | "gap"
  | "close";

/** Of `Record`. The last four take two bytes. */
export const RECORD: Readonly<Record<Field, number>> = {
  time: (1 << 3) | FIXED64,
  connection: (2 << 3) | BYTES,
  local: (3 << 3) | BYTES,
  remote: (4 << 3) | BYTES,
  network: (5 << 3) | VARINT,
  process: (6 << 3) | BYTES,
  cgroup: (7 << 3) | VARINT,
  container: (8 << 3) | BYTES,
  pod: (9 << 3) | BYTES,
  syscall: (10 << 3) | VARINT,
  remotePod: (11 << 3) | BYTES,
  remoteService: (12 << 3) | BYTES,
  open: (16 << 3) | BYTES,
  data: (17 << 3) | BYTES,
  gap: (18 << 3) | BYTES,
  close: (19 << 3) | BYTES,
};

/** A number as the field of this number that holds it as a varint. */
export function varintTag(number: number): number {
  return (number << 3) | VARINT;
}

/** The field of this number that holds 8 bytes. */
export function fixed64Tag(number: number): number {
  return (number << 3) | FIXED64;
}

/** The field of this number that holds bytes, a text or a message. */
export function bytesTag(number: number): number {
  return (number << 3) | BYTES;
}
