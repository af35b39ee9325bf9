/** Holds what the tap says of one direction, from one end, against the wire. */
import type { Direction } from "@tcptracker/events";
import type { Piece } from "./tapped.ts";

/** What is known of an end besides its bytes. */
export interface EndFacts {
  readonly direction: Direction;
  /** The process gave the connection up: the tap saw it end. */
  readonly closed: boolean;
  /** Either side reset the connection. */
  readonly reset: boolean;
}

/** A stretch where the tap says something else than the wire, without having declared it. */
export interface Difference {
  readonly offset: number;
  readonly size: number;
  readonly what: string;
}

/** The bytes of a direction by what became of them. */
export interface Verdict {
  /** The tap has them as they were on the wire. */
  readonly identical: number;
  /** The tap declares that it does not have them: bytes by cause. */
  readonly gaps: ReadonlyMap<string, number>;
  /** On the wire, but the process closed the connection without taking them. */
  readonly unread: number;
  /** Given to the kernel by the process, which threw them away when the connection was reset. */
  readonly unsent: number;
  readonly differences: readonly Difference[];
}

/** The assembler's word for bytes that no record covers. */
const UNDECLARED = "missing";

function sizeOf(piece: Piece): number {
  return "bytes" in piece ? piece.bytes.length : piece.size;
}

/** The first and the number of bytes that are not the same; undefined if all are. */
function differ(a: Uint8Array, b: Uint8Array): { first: number; count: number } | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  let first = -1;
  let count = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    if (first < 0) first = i;
    count++;
  }
  return { first, count };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 12)).toString("hex");
}

/** Compares every byte and every gap at its offset. */
export function compareDirection(wire: Uint8Array, pieces: readonly Piece[], facts: EndFacts): Verdict {
  const gaps = new Map<string, number>();
  const differences: Difference[] = [];
  let identical = 0;
  let end = 0;
  for (const piece of pieces) {
    if (piece.offset !== end)
      differences.push({ offset: end, size: 0, what: `the tap's next piece begins at ${piece.offset}` });
    end = piece.offset + sizeOf(piece);
    const there = wire.subarray(piece.offset, end);
    if ("cause" in piece) {
      if (piece.cause === UNDECLARED)
        differences.push({ offset: piece.offset, size: piece.size, what: "no record has these bytes" });
      else if (there.length > 0) gaps.set(piece.cause, (gaps.get(piece.cause) ?? 0) + there.length);
      continue;
    }
    const told = piece.bytes.subarray(0, there.length);
    const difference = differ(told, there);
    identical += there.length - (difference?.count ?? 0);
    if (difference === undefined) continue;
    const { first, count } = difference;
    const what = `tap ${hex(told.subarray(first))}, wire ${hex(there.subarray(first))}`;
    differences.push({ offset: piece.offset + first, size: count, what });
  }
  const { unread, unsent } = judgeEnd(wire.length, end, facts, differences);
  return { identical, gaps, unread, unsent, differences };
}

/**
 * Where one of the two goes on, a connection that was torn down may explain it. The kernel resets a connection that is
 * closed with unread bytes, so without a reset on the wire and a close record nothing is excused.
 */
function judgeEnd(
  wire: number,
  tap: number,
  { direction, closed, reset }: EndFacts,
  differences: Difference[],
): { unread: number; unsent: number } {
  const none = { unread: 0, unsent: 0 };
  if (tap === wire) return none;
  if (tap < wire) {
    if (direction === "ingress" && closed && reset) return { ...none, unread: wire - tap };
    differences.push({
      offset: tap,
      size: wire - tap,
      what: "the tap's stream ends here, the wire's goes on",
    });
    return none;
  }
  if (direction === "egress" && reset) return { ...none, unsent: tap - wire };
  differences.push({
    offset: wire,
    size: tap - wire,
    what: "the wire's stream ends here, the tap's goes on",
  });
  return none;
}
