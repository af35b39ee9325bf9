/** One direction of one connection, put together from its segments. */

/** Bytes of a direction as they were on the wire. */
export interface WireBytes {
  readonly bytes: Uint8Array;
  /** Bytes that were acknowledged or lie before others and are in no captured segment: the capture is incomplete. */
  readonly missing: number;
  /** Bytes that two segments give differently: the wire contradicts itself. */
  readonly conflicting: number;
}

interface Piece {
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** Sequence numbers have 32 bits and wrap; offsets from the first byte of the stream do not. */
export class WireStream {
  readonly #first: number;
  readonly #pieces: Piece[] = [];
  /** The largest offset so far, near which the next one is. */
  #near = 0;
  #acknowledged = 0;
  #end: number | undefined;

  /** @param initial - the sequence number of the SYN */
  constructor(initial: number) {
    this.#first = (initial + 1) >>> 0;
  }

  /** Takes a segment's payload; `sequence` is that of its first byte. */
  add(sequence: number, payload: Uint8Array): void {
    const offset = this.#offsetOf(sequence);
    this.#near = Math.max(this.#near, offset + payload.length);
    if (payload.length > 0) this.#pieces.push({ offset, payload });
  }

  /** Takes what the receiver says that it has. */
  acknowledge(acknowledgment: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, this.#offsetOf(acknowledgment));
  }

  /** Takes the sequence number of the FIN: that of the byte after the last. */
  endAt(sequence: number): void {
    this.#end = this.#offsetOf(sequence);
  }

  finish(): WireBytes {
    // The FIN takes a sequence number of its own, which is neither a byte nor acknowledged as one.
    const length = this.#end ?? Math.max(this.#acknowledged, this.#near);
    const bytes = new Uint8Array(length);
    let covered = 0;
    let missing = 0;
    let conflicting = 0;
    for (const { offset, payload } of this.#pieces.toSorted((a, b) => a.offset - b.offset)) {
      if (offset > covered) missing += offset - covered;
      const fresh = Math.max(offset, covered);
      for (let at = Math.max(offset, 0); at < Math.min(covered, offset + payload.length); at++)
        if (bytes[at] !== payload[at - offset]) conflicting++;
      if (offset + payload.length <= covered) continue;
      bytes.set(payload.subarray(fresh - offset), fresh);
      covered = offset + payload.length;
    }
    return { bytes, missing: missing + length - covered, conflicting };
  }

  #offsetOf(sequence: number): number {
    // The signed distance from a point that is known to be near.
    return this.#near + ((sequence - this.#first - this.#near) | 0);
  }
}
