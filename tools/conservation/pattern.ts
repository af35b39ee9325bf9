/**
 * The bytes of the traffic: each stream is a run of words of 8 bytes, which stream it is (u32, marked) and how many words came before
 * (u32), little-endian. So any piece of a stream says where in it it belongs, whatever an offset says.
 */
const WORD = 8;
/** Without it a word of stream 0 would be mostly zeros, which are found in the middle of other words, too. */
const MARK = 0xc0de0000;

/** The bytes of stream `tag` from `start` to `start + length`. */
export function patternAt(tag: number, start: number, length: number): Buffer {
  const first = Math.floor(start / WORD);
  const words = new Uint32Array(2 * (Math.ceil((start + length) / WORD) - first));
  for (let index = 0; index < words.length; index += 2) {
    words[index] = MARK + tag;
    words[index + 1] = first + index / 2;
  }
  return Buffer.from(words.buffer, start - first * WORD, length);
}

/** Where in stream `tag` a piece of it lies; undefined when it has no whole word, or is not a piece of that stream. */
export function locate(tag: number, piece: Buffer): number | undefined {
  for (let shift = 0; shift < WORD && shift + WORD <= piece.length; shift++) {
    if (piece.readUInt32LE(shift) !== MARK + tag) continue;
    const start = piece.readUInt32LE(shift + 4) * WORD - shift;
    if (start >= 0 && patternAt(tag, start, piece.length).equals(piece)) return start;
  }
  return undefined;
}
