import { expect, test } from "vitest";
import { locate, patternAt } from "./pattern.ts";

test("any piece is a piece of the whole", () => {
  const whole = patternAt(7, 0, 100);
  for (let start = 0; start < 20; start++)
    expect(patternAt(7, start, 80)).toEqual(whole.subarray(start, start + 80));
});

test("a piece with a whole word says where it lies", () => {
  for (let start = 1000; start < 1010; start++) {
    expect(locate(7, patternAt(7, start, 15))).toBe(start);
    expect(locate(8, patternAt(7, start, 15))).toBeUndefined();
  }
  expect(locate(7, patternAt(7, 1, 7))).toBeUndefined();
});

test("no piece lies elsewhere than where it says, whatever the stream", () => {
  const misplaced: unknown[] = [];
  for (let tag = 0; tag < 64; tag++)
    for (let start = 0; start < 3000; start++)
      for (const size of [8, 9, 15]) {
        const place = locate(tag, patternAt(tag, start, size));
        if (place !== undefined && place !== start) misplaced.push([tag, start, size, place]);
      }
  expect(misplaced).toEqual([]);
});
