import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { distance, suggest } from "./suggest.ts";

describe("distance", () => {
  test("is a metric", () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, b) === 0).toBe(a === b);
        expect(distance(a, c)).toBeLessThanOrEqual(distance(a, b) + distance(b, c));
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe("suggest", () => {
  test("the nearest first, at most three", () => {
    expect(suggest("lenght", ["width", "length", "lengths"])).toBe("Did you mean length or lengths?");
    expect(suggest("a", ["a1", "a2", "a3", "a4"])).toBe("Did you mean a1 or a2 or a3?");
  });

  test("what there is, when nothing is near", () => {
    expect(suggest("completely_different", ["x", "y"])).toBe("There is x, y");
    expect(suggest("x", [])).toBe("There is none");
    expect(
      suggest(
        "zzzzzzzz",
        Array.from({ length: 12 }, (_, index) => `n${index}`),
      ),
    ).toContain("and 2 more");
  });
});
