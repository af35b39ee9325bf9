import type { PayloadRange } from "@tcptracker/events";

const [LF, CR, SPACE, TAB, COLON] = [0x0a, 0x0d, 0x20, 0x09, 0x3a];

/** Headers whose values are secrets. */
export const SECRET_HEADERS: readonly string[] = [
  "Authorization",
  "Cookie",
  "Set-Cookie",
  "Proxy-Authorization",
  "X-Api-Key",
];

/** White space before a colon that is read at most. */
const MOST_SPACES = 8;

/**
 * Where one direction of a connection is, between two payloads:
 *
 * - `line`: at the beginning of a line, or inside what may become the name of a secret header (`prefix`)
 * - `rest`: inside a line that is of no interest
 * - `value`: inside a secret
 * - `fold`: behind the line of a secret, which goes on if the next one begins with white space
 */
interface Place {
  mode: "line" | "rest" | "value" | "fold";
  prefix: string;
}

/**
 * Finds the values of secret headers in the payloads of one direction of a connection, also where a header's name or value
 * is split over several. It looks at every line, not only at those of HTTP messages: to know where those begin would take a
 * parser of their bodies, and a line that only looks like a secret does no harm when it is taken for one.
 */
export class HeaderScanner {
  readonly #names: ReadonlySet<string>;
  readonly #longest: number;
  readonly #place: Place = { mode: "line", prefix: "" };

  /** `names`: of headers, in lower case. */
  constructor(names: ReadonlySet<string>) {
    this.#names = names;
    this.#longest = Math.max(0, ...[...names].map((name) => name.length));
  }

  /** Bytes are missing here: what follows may be in the middle of a secret, to the end of its line. */
  skip(): void {
    this.#place.prefix = "";
    this.#place.mode = "value";
  }

  /** The secrets in the next payload. */
  scan(payload: Uint8Array): PayloadRange[] {
    const ranges: PayloadRange[] = [];
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    let at = 0;
    while (at < bytes.length) {
      switch (this.#place.mode) {
        case "line":
          at = this.#readName(bytes, at);
          break;
        case "rest":
          at = this.#skipLine(bytes, at);
          break;
        case "fold":
          this.#place.mode = bytes[at] === SPACE || bytes[at] === TAB ? "value" : "line";
          break;
        case "value":
          at = this.#readValue(bytes, at, ranges);
          break;
      }
    }
    return ranges;
  }

  /** At or behind the beginning of a line: finds out whether it is a secret. */
  #readName(bytes: Buffer, from: number): number {
    const place = this.#place;
    let at = from;
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === COLON) {
        const secret = this.#names.has(place.prefix.trimEnd().toLowerCase());
        place.prefix = "";
        place.mode = secret ? "value" : "rest";
        return secret ? skipBlanks(bytes, at + 1) : at + 1;
      }
      // White space before the colon is not allowed and is understood by some.
      if (byte === LF || place.prefix.length > this.#longest + MOST_SPACES) {
        place.prefix = "";
        place.mode = "rest";
        return at;
      }
      place.prefix += String.fromCharCode(byte);
    }
    return at;
  }

  #skipLine(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(LF, from);
    if (end === -1) return bytes.length;
    this.#place.mode = "line";
    return end + 1;
  }

  #readValue(bytes: Buffer, from: number, ranges: PayloadRange[]): number {
    const end = bytes.indexOf(LF, from);
    let last = end === -1 ? bytes.length : end;
    if (last > from && bytes[last - 1] === CR) last--;
    if (last > from) ranges.push({ offset: from, size: last - from });
    if (end === -1) return bytes.length;
    this.#place.mode = "fold";
    return end + 1;
  }
}

function skipBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === SPACE || bytes[at] === TAB) at++;
  return at;
}
