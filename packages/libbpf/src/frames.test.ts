import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { FRAME_HEADER_BYTES, frameBytes, frames } from "./frames.ts";

/** What the native reader writes. */
function batchOf(records: readonly Uint8Array[]): Uint8Array {
  const batch = new Uint8Array(records.reduce((sum, record) => sum + frameBytes(record.byteLength), 0));
  const view = new DataView(batch.buffer);
  let offset = 0;
  for (const record of records) {
    view.setUint32(offset, record.byteLength, true);
    batch.set(record, offset + FRAME_HEADER_BYTES);
    offset += frameBytes(record.byteLength);
  }
  return batch;
}

const record = fc.uint8Array({ maxLength: 100 });

describe("frames", () => {
  test("gives back the records, wherever the batch lies in its buffer", () => {
    fc.assert(
      fc.property(fc.array(record), fc.nat(16), (records, shift) => {
        const batch = batchOf(records);
        const moved = new Uint8Array(batch.byteLength + shift);
        moved.set(batch, shift);
        expect([...frames(moved.subarray(shift))]).toEqual(records);
      }),
    );
  });

  test("any cut that is not between two frames is refused", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), fc.nat(), (records, cut) => {
        const batch = batchOf(records);
        const length = cut % batch.byteLength;
        const ends = new Set([0]);
        let end = 0;
        for (const item of records) ends.add((end += frameBytes(item.byteLength)));
        const read = (): unknown => [...frames(batch.subarray(0, length))];
        if (ends.has(length)) read();
        else expect(read).toThrow(RangeError);
      }),
    );
  });

  test("any bytes give records within the batch, or a RangeError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          for (const item of frames(bytes)) {
            expect(item.byteOffset + item.byteLength).toBeLessThanOrEqual(
              bytes.byteOffset + bytes.byteLength,
            );
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
