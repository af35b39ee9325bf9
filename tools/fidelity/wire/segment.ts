/** One TCP segment as tshark dissected it. */
import type { Endpoint } from "@tcptracker/events";

export interface WireSegment {
  /** tshark's number of the connection: a new one for each handshake, also where ports are used again. */
  readonly stream: number;
  readonly source: Endpoint;
  readonly destination: Endpoint;
  /** Numbers as they are on the wire, 32 bits. */
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly syn: boolean;
  readonly ack: boolean;
  readonly fin: boolean;
  readonly reset: boolean;
  readonly payload: Uint8Array;
}

/** What tshark is asked to print for each segment, in this order. */
export const FIELDS = [
  "tcp.stream",
  "ip.src",
  "ipv6.src",
  "tcp.srcport",
  "ip.dst",
  "ipv6.dst",
  "tcp.dstport",
  "tcp.seq_raw",
  "tcp.ack_raw",
  "tcp.flags",
  "tcp.len",
  "tcp.payload",
] as const;

const FIN = 0x01;
const SYN = 0x02;
const RESET = 0x04;
const ACK = 0x10;

function toNumber(text: string, field: string): number {
  const value = Number(text);
  if (text === "" || !Number.isSafeInteger(value)) throw new Error(`tshark says ${field} is '${text}'`);
  return value;
}

/** Reads a line of `tshark -T fields` with {@link FIELDS}; throws for one that is not such a line. */
export function parseSegment(line: string): WireSegment {
  const columns = line.split("\t");
  if (columns.length !== FIELDS.length)
    throw new Error(
      `tshark printed ${columns.length} fields instead of ${FIELDS.length}: ${line.slice(0, 200)}`,
    );
  const text = (field: (typeof FIELDS)[number]): string => columns[FIELDS.indexOf(field)] ?? "";
  const value = (field: (typeof FIELDS)[number]): number => toNumber(text(field), field);
  const payload = Buffer.from(text("tcp.payload"), "hex");
  if (payload.length !== value("tcp.len"))
    throw new Error(`tshark printed ${payload.length} bytes of a segment of ${value("tcp.len")}`);
  const flags = value("tcp.flags");
  return {
    stream: value("tcp.stream"),
    source: { address: text("ip.src") || text("ipv6.src"), port: value("tcp.srcport") },
    destination: { address: text("ip.dst") || text("ipv6.dst"), port: value("tcp.dstport") },
    sequence: value("tcp.seq_raw"),
    acknowledgment: value("tcp.ack_raw"),
    syn: (flags & SYN) !== 0,
    ack: (flags & ACK) !== 0,
    fin: (flags & FIN) !== 0,
    reset: (flags & RESET) !== 0,
    payload,
  };
}
