import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UsageError } from "./usage-error.ts";
import { parseBytes, parseCount, parseDuration } from "./values.ts";

describe("durations", () => {
  test.each([
    ["1ms", 1],
    ["500ms", 500],
    ["5s", 5000],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["2min", 120_000],
    ["1h", 3_600_000],
    ["596h", 2_145_600_000],
  ])("%s", (text, milliseconds) => {
    expect(parseDuration("--duration", text)).toBe(milliseconds);
  });

  test.each(["", "5", "s", "-1s", "5 s", "5S", "1e3s", "5sec", ".5s", "5.s", "٥s", "5s\n"])(
    "not %j",
    (text) => {
      expect(() => parseDuration("--duration", text)).toThrow(UsageError);
      expect(() => parseDuration("--duration", text)).toThrow(/^--duration takes a number with a unit/);
    },
  );

  test.each(["0s", "0.0ms", "597h", "99999999999h"])("%s is out of range", (text) => {
    expect(() => parseDuration("--duration", text)).toThrow(
      "--duration must be more than 0 and at most 596h",
    );
  });
});

describe("bytes", () => {
  test.each([
    ["0", 0],
    ["262144", 262144],
    ["64k", 65536],
    ["64K", 65536],
    ["16M", 2 ** 24],
    ["1g", 2 ** 30],
  ])("%s", (text, bytes) => {
    expect(parseBytes("--snaplen", text)).toBe(bytes);
  });

  test.each(["", "k", "-1", "1.5k", "1kb", "0x10", "1 k", "1e3", "64k "])("not %j", (text) => {
    expect(() => parseBytes("--snaplen", text)).toThrow(UsageError);
    expect(() => parseBytes("--snaplen", text)).toThrow(/^--snaplen takes a number of bytes/);
  });
});

test("counts are whole numbers", () => {
  expect(parseCount("--max-connections", "007")).toBe(7);
  for (const text of ["", "-1", "1.0", "1k", "many"])
    expect(() => parseCount("--max-connections", text)).toThrow("--max-connections takes a whole number");
});

test("any text gives a number or a UsageError", () => {
  const parsers = [parseDuration, parseBytes, parseCount];
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.]{0,30}[a-z]{0,3}$/)), (text) => {
      for (const parse of parsers) {
        try {
          const value = parse("--flag", text);
          if (!(value >= 0)) return false;
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
        }
      }
      return true;
    }),
  );
});
