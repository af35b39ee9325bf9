/** Bytes before each record in a batch: u32 length of the record, u32 reserved (0), in the machine's byte order. */
export const FRAME_HEADER_BYTES = 8;

/** Bytes one record takes in a batch: the header, and the record padded with zeros to a multiple of 8. */
export function frameBytes(length: number): number {
  return FRAME_HEADER_BYTES + ((length + 7) & ~7);
}

/**
 * The records of a batch, in order, as views on it (valid as long as the batch is).
 * Convenient; code that must be fast walks the batch itself.
 *
 * @throws RangeError when the bytes are not a whole number of frames
 */
export function* frames(batch: Uint8Array): Generator<Uint8Array, void, undefined> {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  for (let offset = 0; offset < batch.byteLength;) {
    if (offset + FRAME_HEADER_BYTES > batch.byteLength)
      throw new RangeError(`a torn frame header at byte ${offset}`);
    const length = view.getUint32(offset, littleEndian);
    const next = offset + FRAME_HEADER_BYTES + Math.ceil(length / 8) * 8;
    if (next > batch.byteLength)
      throw new RangeError(`the record of ${length} bytes at byte ${offset} is torn`);
    yield batch.subarray(offset + FRAME_HEADER_BYTES, offset + FRAME_HEADER_BYTES + length);
    offset = next;
  }
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
