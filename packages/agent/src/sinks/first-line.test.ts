import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firstLine } from "./first-line.ts";
import { printable } from "./printable.ts";

const line = (text: string): string => firstLine(Buffer.from(text));

describe("text", () => {
  test.each([
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1"],
    ["one line", "one line"],
    ["", ""],
    ["\r\nbody", ""],
    ["a\tb", "a b"],
    ["naïve café 日本語 🦊", "naïve café 日本語 🦊"],
  ])("%j", (text, expected) => {
    expect(line(text)).toBe(expected);
  });

  test("a byte-order mark is shown, not swallowed", () => {
    expect(line("\ufeff{}")).toBe("\\u{feff}{}");
  });

  test("a line of 100 characters is whole, a longer one is cut", () => {
    expect(line("x".repeat(100))).toBe("x".repeat(100));
    expect(line(`${"x".repeat(100)}\nmore`)).toBe("x".repeat(100));
    expect(line("x".repeat(101))).toBe(`${"x".repeat(100)}…`);
    expect(line("x".repeat(100_000))).toBe(`${"x".repeat(100)}…`);
    // Wide characters fill the bytes that are looked at before they fill the columns.
    expect(line("🦊".repeat(101))).toBe(`${"🦊".repeat(100)}…`);
    expect(line("日".repeat(400))).toBe(`${"日".repeat(100)}…`);
  });

  test("characters that the end of the payload splits are left out", () => {
    const fox = Buffer.from("🦊");
    for (const length of [1, 2, 3])
      expect(firstLine(Buffer.concat([Buffer.from("a fox: "), fox.subarray(0, length)]))).toBe("a fox: ");
    expect(firstLine(Buffer.concat([Buffer.from("a fox: "), fox]))).toBe("a fox: 🦊");
  });
});

describe("what a terminal would act upon is escaped:", () => {
  test.each([
    ["colours", "please note: \x1b[31mred\x1b[0m", "please note: \\x1b[31mred\\x1b[0m"],
    ["the title", "a title here: \x1b]0;owned\x07", "a title here: \\x1b]0;owned\\x07"],
    ["C1 controls", "csi: \u009b31m", "csi: \\x9b31m"],
    ["overwriting", "password:\rhidden", "password:\\x0dhidden"],
    ["delete", "back\x7fspace", "back\\x7fspace"],
    ["right-to-left", "file\u202etxt.exe", "file\\u{202e}txt.exe"],
    ["isolates", "\u2066a\u2069", "\\u{2066}a\\u{2069}"],
    ["line separators", "a\u2028b\u2029c", "a\\u{2028}b\\u{2029}c"],
    ["invisible tags", "a\u{e0041}b", "a\\u{e0041}b"],
    ["zero width", "a\u200bb", "a\\u{200b}b"],
  ])("%s", (_what, text, expected) => {
    expect(line(text)).toBe(expected);
  });
});

describe("binary is shown as its first bytes:", () => {
  test.each([
    ["a zero byte", [0x41, 0x00, 0x42], "41 00 42"],
    ["TLS", [0x16, 0x03, 0x01, 0x02, 0x00], "16 03 01 02 00"],
    ["invalid UTF-8", [0x41, 0xff, 0x42], "41 ff 42"],
    ["overlong UTF-8", [0x41, 0xc0, 0xaf, 0x42], "41 c0 af 42"],
    ["a surrogate", [0x41, 0xed, 0xa0, 0x80, 0x42], "41 ed a0 80 42"],
    ["only a part of a character", [0xf0, 0x9f], "f0 9f"],
    ["only a continuation", [0x80], "80"],
    ["mostly control characters", [0x01, 0x02, 0x41], "01 02 41"],
  ])("%s", (_what, bytes, expected) => {
    expect(firstLine(Uint8Array.from(bytes))).toBe(expected);
  });

  test("sixteen of them, and a sign when there are more", () => {
    expect(firstLine(new Uint8Array(16))).toBe(Array(16).fill("00").join(" "));
    expect(firstLine(new Uint8Array(17))).toBe(`${Array(16).fill("00").join(" ")} …`);
  });
});

const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

test("no payload brings a control character through, or more than a line", () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 1000 }),
    fc.string({ unit: "binary", maxLength: 600 }).map((text) => Buffer.from(text)),
    fc
      .array(fc.constantFrom("\x1b[2J", "\u009b", "\u202e", "\u{e0041}", "text", "🦊", "\r", "\n", "\t", "é"))
      .map((parts) => Buffer.from(parts.join("text"))),
  );
  fc.assert(
    fc.property(payload, fc.nat(8), (bytes, cut) => {
      const text = firstLine(bytes.subarray(0, Math.max(0, bytes.length - cut)));
      expect(text).not.toMatch(FORBIDDEN);
      expect(Array.from(text).length).toBeLessThanOrEqual(101);
    }),
    { numRuns: 500 },
  );
});

test("text that is text already stays as it is", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\x20-\x7eéü日]{0,100}$/), (text) => {
      expect(line(text)).toBe(text);
      expect(printable(text)).toBe(text);
    }),
  );
});
