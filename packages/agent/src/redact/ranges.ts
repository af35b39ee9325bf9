import type { PayloadRange } from "@tcptracker/events";

/** The same bytes as ranges that are in order and apart from each other. */
export function mergeRanges(ranges: readonly PayloadRange[]): PayloadRange[] {
  const merged: { offset: number; size: number }[] = [];
  for (const { offset, size } of ranges.toSorted((a, b) => a.offset - b.offset)) {
    const last = merged.at(-1);
    if (last !== undefined && offset <= last.offset + last.size)
      last.size = Math.max(last.size, offset + size - last.offset);
    else merged.push({ offset, size });
  }
  return merged;
}
