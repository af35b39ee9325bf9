/** Batches that are almost right. */
import { LAYOUT } from "../src/gen/layout.ts";
import type { Random } from "./random.ts";

const FRAME_HEADER = 8;
const MAX_MUTATIONS = 6;
const MAX_BATCH = 1 << 16;
/** Where programs that add or compare lengths go wrong. */
const INTERESTING = [
  0, 1, 7, 8, 103, 104, 105, 127, 128, 129, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff,
];

type Mutation = (random: Random, batch: Uint8Array, corpus: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setWord,
  lieAboutLength,
  lieAboutLength,
  truncate,
  splice,
  repeat,
];

/** A batch of the corpus with one to six mutations. The corpus stays as it is. */
export function mutate(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  let batch = random.pick(corpus).slice();
  for (let count = 1 + random.below(MAX_MUTATIONS); count > 0; count--) {
    batch = random.pick(MUTATIONS)(random, batch, corpus).slice(0, MAX_BATCH);
  }
  return batch;
}

function flipBit(random: Random, batch: Uint8Array): Uint8Array {
  const at = random.below(batch.length);
  if (at < batch.length) batch[at] = (batch[at] ?? 0) ^ (1 << random.below(8));
  return batch;
}

function setByte(random: Random, batch: Uint8Array): Uint8Array {
  const at = random.below(batch.length);
  if (at < batch.length) batch[at] = random.below(256);
  return batch;
}

function setWord(random: Random, batch: Uint8Array): Uint8Array {
  return writeWord(batch, random.below(batch.length >> 2) * 4, random.pick(INTERESTING));
}

/** Changes a frame's length, a record's length or the size of a payload, often by a little. */
function lieAboutLength(random: Random, batch: Uint8Array): Uint8Array {
  const starts = frameStarts(batch);
  if (starts.length === 0) return batch;
  const frame = random.pick(starts);
  const at =
    frame +
    random.pick([
      0,
      4,
      FRAME_HEADER + LAYOUT.tt_record.fields.length.offset,
      FRAME_HEADER + LAYOUT.tt_data.fields.captured.offset,
      FRAME_HEADER + LAYOUT.tt_data.fields.size.offset,
    ]);
  if (at + 4 > batch.length) return batch;
  const old = new DataView(batch.buffer, batch.byteOffset).getUint32(at, true);
  return writeWord(batch, at, random.below(2) === 0 ? old + random.below(33) - 16 : random.pick(INTERESTING));
}

function truncate(random: Random, batch: Uint8Array): Uint8Array {
  return batch.subarray(0, random.below(batch.length + 1));
}

/** Puts a part of another batch in the place of a part of this one. */
function splice(random: Random, batch: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  const other = random.pick(corpus);
  const from = random.below(other.length);
  const part = other.subarray(from, from + random.below(300));
  const at = random.below(batch.length + 1);
  return join(batch.subarray(0, at), part, batch.subarray(at + random.below(300)));
}

function repeat(random: Random, batch: Uint8Array): Uint8Array {
  const starts = [...frameStarts(batch), batch.length];
  const [a, b] = [random.pick(starts), random.pick(starts)];
  return join(batch, batch.subarray(Math.min(a, b), Math.max(a, b)));
}

function frameStarts(batch: Uint8Array): number[] {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const starts: number[] = [];
  for (let at = 0; at + FRAME_HEADER <= batch.length;) {
    starts.push(at);
    at += FRAME_HEADER + Math.ceil(view.getUint32(at, true) / 8) * 8;
  }
  return starts;
}

function writeWord(batch: Uint8Array, at: number, value: number): Uint8Array {
  if (at + 4 <= batch.length) new DataView(batch.buffer, batch.byteOffset).setUint32(at, value >>> 0, true);
  return batch;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
