import { expect, test } from "vitest";
import { collectorPeak, tapEnd, tapPeak } from "./memory.ts";
import type { Result } from "./run.ts";
import { complaintsOf } from "./verdict.ts";

const LOAD = { calls: 100, seconds: 1 };
const NONE = { bytes: 0, moved: 0, ms: 0 };
const SOUND: Result = {
  ...{
    fault: "none",
    calls: 100,
    seconds: 1,
    sentAgain: 0,
    tapSaid: "",
    unproven: [],
    streams: 4,
    moved: 10,
  },
  ...{ delivered: 10, declared: {}, lost: NONE, untapped: NONE, mute: 0, unaccounted: 0, twice: 0, wrong: 0 },
  tap: { idle: 100, peak: 300, end: 200 },
  collector: { idle: 100, peak: 150, end: 100 },
};

test("a sound result gives no complaint", () => {
  expect(complaintsOf(SOUND, LOAD)).toEqual([]);
});

test.each([
  [{ unaccounted: 1 }, "1 bytes were neither delivered nor declared"],
  [{ unaccounted: -1 }, "-1 bytes were neither delivered nor declared"],
  [{ twice: 2 }, "2 bytes came twice, or were never moved"],
  [{ wrong: 3 }, "3 bytes are not what was sent"],
  [{ mute: 1 }, "nothing came out of 1 taps before they were killed"],
  [{ calls: 99 }, "99 calls were made, not 100"],
  [{ unproven: ["no tap has said it"] }, "no tap has said it"],
  [{ tap: { ...SOUND.tap, peak: tapPeak(100) + 1 } }, /^the tap took \d+ MiB, not \d+ at most$/],
  [{ tap: { ...SOUND.tap, end: tapEnd(100) + 1 } }, /^the tap, at the end, took/],
  [{ collector: { ...SOUND.collector, peak: collectorPeak(100) + 1 } }, /^the collector took/],
] as const)("%j is complained about", (own, expected) => {
  expect(complaintsOf({ ...SOUND, ...own }, LOAD)).toEqual([
    typeof expected === "string" ? expected : expect.stringMatching(expected),
  ]);
});
