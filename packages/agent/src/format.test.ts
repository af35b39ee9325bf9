import { describe, expect, test } from "vitest";
import { formatBytes, formatClockTime, formatDuration, plural } from "./format.ts";

test("clock time is local, with microseconds", () => {
  const date = new Date(2026, 10, 22, 5, 4, 3);
  const time = BigInt(date.getTime()) * 1_000_000n;
  expect(formatClockTime(time)).toBe("05:04:03.000000");
  expect(formatClockTime(time + 1_234_999n)).toBe("05:04:03.001234");
  expect(formatClockTime(time + 999_999_999n)).toBe("05:04:03.999999");
});

describe("bytes", () => {
  test.each([
    [0, "0 B"],
    [71n, "71 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [1024 ** 3, "1.0 GiB"],
    [2n ** 63n, "8.0 EiB"],
    [2n ** 64n - 1n, "16.0 EiB"],
  ])("%s is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("durations", () => {
  test.each([
    [0n, "0 us"],
    [340_000n, "340 us"],
    [999_499n, "999 us"],
    [999_500n, "1.0 ms"],
    [12_345_678n, "12.3 ms"],
    [999_949_999n, "999.9 ms"],
    [999_950_000n, "1.0 s"],
    [5_000_000_000n, "5.0 s"],
    [59_949_999_999n, "59.9 s"],
    [59_950_000_000n, "1 min 0 s"],
    [125_000_000_000n, "2 min 5 s"],
    [3_725_400_000_000n, "62 min 5 s"],
  ])("%s ns is %s", (nanoseconds, text) => {
    expect(formatDuration(nanoseconds)).toBe(text);
  });
});

test("one of a thing is one, all else are many", () => {
  expect([0, 1, 2n, 1n].map((count) => plural(count, "record"))).toEqual([
    "0 records",
    "1 record",
    "2 records",
    "1 record",
  ]);
});
