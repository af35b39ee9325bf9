/** The finalizer of MurmurHash3, in 32-bit arithmetic. */
function mix(word: number): number {
  let x = word;
  x ^= x >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * The traffic generator's payload: `size` bytes of the stream of a seed, from `offset` on (as payload.c has it).
 *
 * Byte i is byte (i mod 4), lowest first, of mix(seed * 0x9E3779B9 + floor(i / 4)). The client sends the stream of the
 * seed that the program was given, the server the stream of that seed plus one.
 */
export function payloadBytes(seed: number, size: number, offset: number = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  const start = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < size; i += 1) {
    const at = offset + i;
    bytes[i] = mix(start + Math.floor(at / 4)) >>> (8 * (at % 4));
  }
  return bytes;
}

/** Which of the two threads of the mode `threads` sent a byte: the second one's have the top bit set. */
export type SendingThread = "first" | "second";

/** What one thread of the mode `threads` sends: the client's stream with the top bit as the thread's mark. */
export function threadBytes(seed: number, size: number, thread: SendingThread): Uint8Array {
  return payloadBytes(seed, size).map((byte) => (thread === "first" ? byte & 0x7f : byte | 0x80));
}

/** Takes the two threads' streams apart again; the kernel may have interleaved them anywhere. */
export function bytesOfThread(bytes: Uint8Array, thread: SendingThread): Uint8Array {
  return bytes.filter((byte) => byte >= 0x80 === (thread === "second"));
}
