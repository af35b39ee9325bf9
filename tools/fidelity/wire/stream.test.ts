import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WireStream } from "./stream.ts";

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

/** A stream whose first byte has the sequence number 1001. */
function streamOf(...segments: readonly (readonly [sequence: number, text: string])[]): WireStream {
  const stream = new WireStream(1000);
  for (const [sequence, text] of segments) stream.add(sequence, bytes(text));
  return stream;
}

function told(stream: WireStream): { text: string; missing: number; conflicting: number } {
  const { bytes: content, missing, conflicting } = stream.finish();
  return { text: Buffer.from(content).toString(), missing, conflicting };
}

const whole = { missing: 0, conflicting: 0 };

describe("segments", () => {
  test("in order", () => {
    expect(told(streamOf([1001, "ab"], [1003, "cd"]))).toEqual({ text: "abcd", ...whole });
  });

  test("out of order", () => {
    expect(told(streamOf([1005, "ef"], [1001, "ab"], [1003, "cd"]))).toEqual({ text: "abcdef", ...whole });
  });

  test("that come again, cut in another way", () => {
    expect(told(streamOf([1001, "abc"], [1001, "abc"], [1002, "bcde"], [1002, "bc"]))).toEqual({
      text: "abcde",
      ...whole,
    });
  });

  test("that come again with other bytes contradict the first", () => {
    expect(told(streamOf([1001, "abc"], [1002, "xcd"]))).toEqual({
      text: "abcd",
      missing: 0,
      conflicting: 1,
    });
  });

  test("none", () => {
    expect(told(streamOf())).toEqual({ text: "", ...whole });
  });

  test("a keepalive, which is one number behind, is not a byte of the stream", () => {
    expect(told(streamOf([1001, "ab"], [1002, ""], [1000, "x"], [1003, "c"]))).toEqual({
      text: "abc",
      ...whole,
    });
  });

  test("numbers wrap at 32 bits", () => {
    const stream = new WireStream(0xfffffffc);
    for (const [sequence, text] of [
      [0xfffffffd, "ab"],
      [1, "ef"],
      [0xffffffff, "cd"],
      [3, "g"],
    ] as const)
      stream.add(sequence >>> 0, bytes(text));
    // 0xffffffff takes "c", 0 takes "d".
    expect(told(stream)).toEqual({ text: "abcdefg", ...whole });
  });

  test("a SYN with the last number is followed by number 0", () => {
    const stream = new WireStream(0xffffffff);
    stream.add(0, bytes("a"));
    expect(told(stream)).toEqual({ text: "a", ...whole });
  });
});

describe("what the capture lacks", () => {
  test("a hole", () => {
    expect(told(streamOf([1001, "ab"], [1005, "ef"]))).toMatchObject({ missing: 2, conflicting: 0 });
  });

  test("the end, which was acknowledged", () => {
    const stream = streamOf([1001, "ab"]);
    stream.acknowledge(1006);
    expect(told(stream)).toMatchObject({ missing: 3 });
  });

  test("the end, which a FIN follows", () => {
    const stream = streamOf([1001, "ab"]);
    stream.endAt(1004);
    expect(told(stream)).toMatchObject({ missing: 1 });
  });
});

test("a FIN has a number, but is no byte", () => {
  const stream = streamOf([1001, "ab"]);
  stream.endAt(1003);
  stream.acknowledge(1004);
  stream.add(1004, bytes(""));
  expect(told(stream)).toEqual({ text: "ab", ...whole });
});

test("any way to cut, repeat and mix gives the same bytes", () => {
  const cuts = fc.array(fc.tuple(fc.nat(199), fc.integer({ min: 1, max: 60 })), { maxLength: 30 });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 200, maxLength: 200 }),
      fc.integer(),
      cuts,
      (content, seed, extra) => {
        const initial = seed >>> 0;
        const tiles = Array.from({ length: 10 }, (_, i) => [i * 20, 20] as const);
        // A start that depends on the seed; neighbours of the first tiles stay near the front.
        const order = [...tiles, ...extra].toSorted(
          ([a], [b]) => ((a * 31 + seed) % 97) - ((b * 31 + seed) % 97),
        );
        const stream = new WireStream(initial);
        for (const [at, length] of order)
          stream.add((initial + 1 + at) >>> 0, content.subarray(at, Math.min(200, at + length)));
        const told = stream.finish();
        expect(Buffer.compare(told.bytes, content)).toBe(0);
        expect(told).toMatchObject(whole);
      },
    ),
  );
});
