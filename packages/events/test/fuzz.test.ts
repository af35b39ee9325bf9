import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkBatch } from "../fuzz/check-batch.ts";
import { readCorpus } from "../fuzz/corpus.ts";
import { mutate } from "../fuzz/mutation.ts";
import { Random } from "../fuzz/random.ts";
import { SYNTHETIC_PATH, syntheticBatch } from "./synthetic.ts";

describe("fixtures", () => {
  test("synthetic.bin is of this layout (else: node packages/events/test/synthetic.ts)", () => {
    expect(Buffer.from(syntheticBatch()).equals(readFileSync(SYNTHETIC_PATH))).toBe(true);
  });

  test.each([...readCorpus()])("%s decodes without an error", (_, batch) => {
    expect(checkBatch(batch)).toMatchObject({ errors: 0 });
    expect(checkBatch(batch).records).toBeGreaterThan(0);
  });
});

describe("mutated batches", () => {
  const corpus = [...readCorpus().values()];

  test("give records and DecodeErrors, nothing else", { timeout: 60_000 }, () => {
    const random = new Random(1);
    let [records, errors] = [0, 0];
    for (let batch = 0; batch < 1000; batch++) {
      const outcome = checkBatch(mutate(random, corpus));
      records += outcome.records;
      errors += outcome.errors;
    }
    // A mutator that breaks everything, or nothing, tests nothing.
    expect(records).toBeGreaterThan(1000);
    expect(errors).toBeGreaterThan(500);
  });

  test("are the same for the same seed", () => {
    const [a, b] = [new Random(7), new Random(7)];
    for (let batch = 0; batch < 50; batch++) expect(mutate(a, corpus)).toEqual(mutate(b, corpus));
  });
});
