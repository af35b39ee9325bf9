import { StreamAssembler, type Direction, type TapRecord } from "@tcptracker/events";

/** A range of a direction that the tap declared missing. */
export interface Hole {
  readonly offset: number;
  readonly size: number;
  readonly cause: string;
}

/** One direction as the tap tells it. */
export interface TappedStream {
  /** All bytes; those of holes are 0. */
  readonly bytes: Uint8Array;
  /** Neighbours of the same cause are one. */
  readonly holes: readonly Hole[];
}

/** Puts one direction of one connection together from its records, holes and all. */
export function assemble(records: readonly TapRecord[], direction: Direction): TappedStream {
  const assembler = new StreamAssembler();
  const segments = [...records.flatMap((record) => assembler.push(record)), ...assembler.flush()].filter(
    (segment) => segment.direction === direction && segment.type !== "end",
  );
  const holes: Hole[] = [];
  const pieces: Uint8Array[] = [];
  for (const segment of segments) {
    if (segment.type === "data") {
      pieces.push(segment.bytes);
    } else if (segment.type === "gap") {
      const hole = { offset: Number(segment.offset), size: Number(segment.size), cause: segment.cause };
      const last = holes.at(-1);
      if (last?.cause === hole.cause && last.offset + last.size === hole.offset)
        holes[holes.length - 1] = { ...last, size: last.size + hole.size };
      else holes.push(hole);
      pieces.push(new Uint8Array(hole.size));
    }
  }
  return { bytes: Buffer.concat(pieces), holes };
}

/** The same bytes with 0 where the holes are. */
export function punch(bytes: Uint8Array, holes: readonly Hole[]): Uint8Array {
  const punched = Uint8Array.from(bytes);
  for (const { offset, size } of holes) punched.fill(0, offset, offset + size);
  return punched;
}
