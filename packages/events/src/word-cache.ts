/**
 * Texts made from up to 16 bytes, remembered by those bytes. Direct-mapped: a slot holds the last text that hashed to
 * it, so that memory is bounded and a hit allocates nothing.
 */
export class WordCache {
  readonly #words: Uint32Array;
  readonly #texts: (string | undefined)[];
  readonly #mask: number;

  /** `slots` has to be a power of two. */
  constructor(slots: number) {
    this.#words = new Uint32Array(slots * 4);
    this.#texts = new Array<string | undefined>(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** The text of the four words, made with `make(bytes, at)` when it is not remembered. */
  get(
    a: number,
    b: number,
    c: number,
    d: number,
    make: (bytes: Uint8Array, at: number) => string,
    bytes: Uint8Array,
    at: number,
  ): string {
    const words = this.#words;
    let hash =
      Math.imul(a, 0x9e3779b1) ^
      Math.imul(b, 0x85ebca6b) ^
      Math.imul(c, 0xc2b2ae35) ^
      Math.imul(d, 0x27d4eb2f);
    hash ^= hash >>> 15;
    const slot = hash & this.#mask;
    const first = slot * 4;
    const known = this.#texts[slot];
    if (
      known !== undefined &&
      words[first] === a &&
      words[first + 1] === b &&
      words[first + 2] === c &&
      words[first + 3] === d
    ) {
      return known;
    }
    const text = make(bytes, at);
    words[first] = a;
    words[first + 1] = b;
    words[first + 2] = c;
    words[first + 3] = d;
    this.#texts[slot] = text;
    return text;
  }
}
