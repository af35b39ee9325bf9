/**
 * Texts made from up to 16 bytes, remembered by those bytes. A text has two slots it may be in, and the one used first
 * gives way, so that memory is bounded and a hit allocates nothing.
 */
export class WordCache {
  readonly #words: Uint32Array;
  readonly #texts: (string | undefined)[];
  readonly #mask: number;

  /** `slots` has to be a power of two. */
  constructor(slots: number) {
    this.#words = new Uint32Array(slots * 4);
    this.#texts = new Array<string | undefined>(slots).fill(undefined);
    // Without its lowest bit: the two slots of a text are neighbours.
    this.#mask = slots - 2;
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
    const slot = hash(a, b, c, d) & this.#mask;
    const first = this.#texts[slot];
    if (first !== undefined && this.#holds(slot, a, b, c, d)) return first;
    const second = this.#texts[slot + 1];
    if (second !== undefined && this.#holds(slot + 1, a, b, c, d)) return second;
    const text = make(bytes, at);
    const words = this.#words;
    words.copyWithin(4 * slot + 4, 4 * slot, 4 * slot + 4);
    words[4 * slot] = a;
    words[4 * slot + 1] = b;
    words[4 * slot + 2] = c;
    words[4 * slot + 3] = d;
    this.#texts[slot + 1] = first;
    this.#texts[slot] = text;
    return text;
  }

  #holds(slot: number, a: number, b: number, c: number, d: number): boolean {
    const words = this.#words;
    const at = 4 * slot;
    return words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d;
  }
}

/** Each input bit reaches the low bits: ids count up, and addresses differ in few places. */
function hash(a: number, b: number, c: number, d: number): number {
  let mixed =
    Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
