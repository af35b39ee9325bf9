/** The law of the package: kernel && residual accept what the whole accepts, and that is what CEL accepts. */
import type { TapRecord } from "@tcptracker/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, factsOf, interpret, RecordInput } from "../src/index.ts";
import type { Filter, FilterInput, Predicate } from "../src/index.ts";
import { anyExpression, SETS } from "./support/expressions.ts";
import { LabelledInput } from "./support/labelled-input.ts";
import { evaluate } from "./support/oracle.ts";
import { CONTAINERS } from "./support/pools.ts";
import { anyRecord, dataRecord } from "./support/records.ts";
import { FUZZ_TIMEOUT, runs } from "./support/seed.ts";

const SNAPLENS = [0, 1, 10, 255, 256, 257, 262_144];
/** Records that each expression is tried on: compiling takes longer than deciding. */
const RECORDS = 10;

function kernelAndResidual(filter: Filter, input: FilterInput, snaplen: number): boolean {
  const { kernel, residual } = filter;
  const passes = kernel === undefined || interpret(kernel, factsOf(input, snaplen, filter.sets));
  return passes && (residual === undefined || residual(input));
}

/** Each part of the plan as a filter of its own: so its text has to be cut out exactly. */
function partsOf(filter: Filter): Predicate[] {
  const { kernel, user } = filter.explain();
  return [...kernel, ...user].map(({ text }) => compile(text, { sets: SETS }).whole);
}

const labels = fc.record({ app: fc.constantFrom(...CONTAINERS) });
const cases = fc.constantFrom(...SNAPLENS).chain((snaplen) =>
  fc.record({
    text: anyExpression,
    snaplen: fc.constant(snaplen),
    calls: fc.array(fc.tuple(anyRecord(snaplen), labels), { minLength: RECORDS, maxLength: RECORDS }),
  }),
);

test("kernel && residual, the whole, and CEL itself accept the same", { timeout: FUZZ_TIMEOUT }, () => {
  let [accepted, decided, pairs] = [0, 0, 0];
  const law = fc.property(cases, ({ text, snaplen, calls }) => {
    const filter = compile(text, { snaplen, sets: SETS });
    if (filter.kernel !== undefined) decided++;
    const parts = partsOf(filter);
    for (const [record, own] of calls) {
      const input = new LabelledInput(record, own);
      const whole = filter.whole(input);
      pairs++;
      if (whole) accepted++;
      expect(whole, "whole and CEL").toBe(evaluate(text, record, own));
      expect(kernelAndResidual(filter, input, snaplen), "kernel && residual, and whole").toBe(whole);
      expect(
        parts.every((part) => part(input)),
        "the parts of the plan, and whole",
      ).toBe(whole);
    }
  });
  const { seed, numRuns } = runs("kernel && residual == whole == CEL", 1500);
  fc.assert(law, { seed, numRuns });
  console.info(
    `${pairs} pairs, ${accepted} accepted; the kernel has a part of ${decided} of ${numRuns} filters`,
  );
  // Expressions that accept everything, or nothing, or that the kernel never sees, would prove nothing.
  expect(accepted).toBeGreaterThan(pairs / 10);
  expect(accepted).toBeLessThan(pairs * 0.9);
  expect(decided).toBeGreaterThan(numRuns / 2);
});

const gapCases = fc.record({
  text: anyExpression,
  data: dataRecord(262_144),
  tid: fc.nat(9),
  offset: fc.constantFrom(0n, 4n, 5000n),
  cause: fc.constantFrom("ring_full" as const, "unseen" as const),
});

test(
  "a gap is shown if the filter accepts it, or any data that it may stand for",
  { timeout: FUZZ_TIMEOUT },
  () => {
    let [shown, hidden] = [0, 0];
    const law = fc.property(gapCases, ({ text, data, tid, offset, cause }) => {
      const filter = compile(text, { sets: SETS });
      const { payload, syscall, type, ...rest } = data;
      const gap: TapRecord = {
        ...rest,
        type: "gap",
        process: { ...data.process, tid },
        offset,
        size: 1000n,
        cause,
      };
      expect({ payload, syscall, type }).toMatchObject({ type: "data" });
      const maybe = filter.maybe(new RecordInput(gap));
      if (maybe) shown++;
      else hidden++;
      if (filter.whole(new RecordInput(data)) || filter.whole(new RecordInput(gap))) expect(maybe).toBe(true);
    });
    fc.assert(law, runs("maybe", 5000));
    expect(shown).toBeGreaterThan(100);
    expect(hidden).toBeGreaterThan(100);
  },
);
