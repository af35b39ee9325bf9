import { createHash } from "node:crypto";

/** Bytes written at a time by `/large`. */
const BLOCK_SIZE = 65_536;

/** One block of readable, line-numbered text; every block of a large body is this one. */
const block: Buffer = (() => {
  let text = "";
  for (let line = 1; text.length < BLOCK_SIZE; line += 1) {
    text += `line ${String(line).padStart(4, "0")}: the quick brown fox jumps over the lazy dog\n`;
  }
  return Buffer.from(text.slice(0, BLOCK_SIZE), "latin1");
})();

/**
 * Yields a body of exactly `size` bytes in blocks of at most 64 KiB. The same size always gives the same bytes.
 */
export function* largeBody(size: number): Generator<Buffer, void, undefined> {
  for (let rest = size; rest > 0; rest -= BLOCK_SIZE) {
    yield rest >= BLOCK_SIZE ? block : block.subarray(0, rest);
  }
}

/** Returns the value of a `Content-Digest` header (RFC 9530) for the body given in pieces. */
export function contentDigest(pieces: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return `sha-256=:${hash.digest("base64")}:`;
}

/** The pieces of the `/chunked` body, one write each. */
export const chunkedPieces: readonly string[] = [
  "first chunk\n",
  "second chunk, a little longer\n",
  "x".repeat(3000) + "\n",
  "last chunk\n",
];

/** What `/api/items` answers. */
export const items: readonly { readonly id: number; readonly name: string; readonly price: number }[] = [
  { id: 1, name: "teapot", price: 24.5 },
  { id: 2, name: "cup", price: 6 },
  { id: 3, name: "tray", price: 18.75 },
];
