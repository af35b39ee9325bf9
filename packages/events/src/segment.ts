import type { AnyGapCause } from "./gap-cause.ts";
import type { Direction } from "./gen/layout.ts";
import type { DataRecord, GapRecord } from "./record.ts";

/** Where a segment belongs. */
export interface SegmentBase {
  /** The connection's id. */
  readonly connection: string;
  readonly direction: Direction;
  /** Of the first byte: bytes of this direction since the tap first saw the connection. */
  readonly offset: bigint;
}

/** Bytes of a stream. */
export interface DataSegment extends SegmentBase {
  readonly type: "data";
  /** At least one byte; shared with the payload of `record`. */
  readonly bytes: Uint8Array;
  /** The record the bytes came in. */
  readonly record: DataRecord;
}

/** A hole in a stream. */
export interface GapSegment extends SegmentBase {
  readonly type: "gap";
  /** Missing bytes, at least one. */
  readonly size: bigint;
  /** What the tap says; `missing` if no record covers the bytes. */
  readonly cause: AnyGapCause | "missing";
  /** The record that declares the hole; absent for `missing`. */
  readonly record?: GapRecord;
}

/** The connection is closed and nothing follows in this direction. `offset` is where it ends. */
export interface EndSegment extends SegmentBase {
  readonly type: "end";
}

/** A piece of a stream. Of one direction they come in order, and each begins where the one before it ends. */
export type Segment = DataSegment | GapSegment | EndSegment;
