import { describe, expect, test } from "vitest";
import { TapError } from "./errors.ts";
import { resolveOptions, type TapOptions } from "./options.ts";

function codeOf(options: TapOptions): string {
  try {
    resolveOptions(options);
  } catch (error) {
    if (error instanceof TapError) return error.code;
    throw error;
  }
  return "accepted";
}

test("the defaults are those of the documentation", () => {
  expect(resolveOptions({})).toEqual({
    attach: "auto",
    transport: "auto",
    programs: "auto",
    secondCopies: "auto",
    snaplen: 262144,
    bufferSize: 67108864,
    maxConnections: 65536,
    flushIntervalMs: 10,
  });
});

test("what is given is kept", () => {
  const options = {
    attach: "tracepoint",
    transport: "ringbuf",
    programs: "raw",
    secondCopies: "never",
    snaplen: 0,
    bufferSize: 262144,
    maxConnections: 1,
    flushIntervalMs: 1,
  } as const;
  expect(resolveOptions(options)).toEqual(options);
});

test("the buffer is rounded up to a power of two, as the kernel wants it", () => {
  expect(resolveOptions({ bufferSize: 262145 }).bufferSize).toBe(524288);
  expect(resolveOptions({ bufferSize: 100_000_000 }).bufferSize).toBe(2 ** 27);
  expect(resolveOptions({ bufferSize: 2 ** 30 }).bufferSize).toBe(2 ** 30);
});

describe("out of range", () => {
  const ranges: [keyof TapOptions, number, number][] = [
    ["snaplen", 0, 64 * 1024 * 1024],
    ["bufferSize", 262144, 2 ** 30],
    ["maxConnections", 1, 2 ** 24],
    ["flushIntervalMs", 1, 60_000],
  ];
  test.each(ranges)("%s goes from %d to %d", (name, low, high) => {
    expect([low, high].map((value) => codeOf({ [name]: value }))).toEqual(["accepted", "accepted"]);
    const wrong = [low - 1, high + 1, low + 0.5, Number.NaN, Number.POSITIVE_INFINITY];
    expect(wrong.map((value) => codeOf({ [name]: value }))).toEqual(wrong.map(() => "ERR_TAP_OPTION"));
    expect(() => resolveOptions({ [name]: high + 1 })).toThrow(
      `ERR_TAP_OPTION: ${name} must be a whole number from ${low} to ${high}, not ${high + 1}`,
    );
  });

  test.each(["attach", "transport"] as const)("%s has to be one of its choices", (name) => {
    // What JavaScript without types can pass.
    const options = { [name]: "magic" } as unknown as TapOptions;
    expect(codeOf(options)).toBe("ERR_TAP_OPTION");
    expect(() => resolveOptions(options)).toThrow(/must be one of auto, .*, not 'magic'/);
  });
});
