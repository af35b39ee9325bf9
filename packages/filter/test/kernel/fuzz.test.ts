/**
 * What a filter's programs decide in the kernel, held against the reference interpreter and, together with the rest of the
 * filter, against CEL itself: random filters on random calls. FUZZ_SEED repeats a run, FUZZ_RUNS makes it longer.
 *
 * What fails is shrunk and kept in regressions.json, which every run begins with.
 */
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anyExpression } from "../support/expressions.ts";
import { largeExpression } from "../support/large-expressions.ts";
import { CONTAINERS } from "../support/pools.ts";
import { anyRecord } from "../support/records.ts";
import { runs } from "../support/seed.ts";
import { caseFromJson, caseToJson, runCase, type FuzzCall, type FuzzCase } from "./support/fuzz-case.ts";
import { Machine } from "./support/machine.ts";

const SNAPLENS = [0, 10, 255, 256, 262_144];
const CALLS = 50;
const FILTERS = 2000;
const REGRESSIONS = new URL("regressions.json", import.meta.url);

function regressions(): unknown[] {
  return JSON.parse(readFileSync(REGRESSIONS, "utf8")) as unknown[];
}

let machine: Machine;

beforeAll(() => {
  machine = new Machine();
});

afterAll(() => {
  machine[Symbol.dispose]();
});

function anyCall(snaplen: number): fc.Arbitrary<FuzzCall> {
  return fc.record({
    record: anyRecord(snaplen),
    labels: fc.record({ app: fc.constantFrom(...CONTAINERS) }),
    entry: fc.constantFrom("missing", "unjudged", "unjudged", "judged", "outdated"),
    slot: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(3)),
    dirty: fc.boolean(),
  });
}

/** All calls of a cgroup are of one container and one pod: the first one's. */
function consistent(calls: readonly FuzzCall[]): FuzzCall[] {
  const first = new Map<bigint, FuzzCall>();
  return calls.map((call) => {
    const cgroup = call.record.cgroup?.id ?? 0n;
    const known = first.get(cgroup) ?? call;
    first.set(cgroup, known);
    // One without an id is none.
    const container = known.record.container ?? { id: "" };
    return { ...call, labels: known.labels, record: { ...call.record, container } };
  });
}

const anyCase: fc.Arbitrary<FuzzCase> = fc.constantFrom(...SNAPLENS).chain((snaplen) =>
  fc.record({
    text: fc.oneof({ weight: 4, arbitrary: anyExpression }, { weight: 1, arbitrary: largeExpression }),
    snaplen: fc.constant(snaplen),
    calls: fc.array(anyCall(snaplen), { minLength: CALLS, maxLength: CALLS }).map(consistent),
  }),
);

test("what has once gone wrong", () => {
  for (const json of regressions()) runCase(machine, caseFromJson(json));
});

test(
  "the kernel decides as the interpreter does, and with the rest as CEL does",
  { timeout: 600_000 },
  () => {
    let [accepted, pairs, inKernel, onPayload] = [0, 0, 0, 0];
    const law = fc.property(anyCase, (fuzzCase) => {
      const result = runCase(machine, fuzzCase);
      pairs += fuzzCase.calls.length;
      accepted += result.accepted;
      if (result.kernel) inKernel++;
      if (result.payload) onPayload++;
    });
    const { seed, numRuns } = runs("programs in the kernel", FILTERS);
    const started = performance.now();
    const details = fc.check(law, { seed, numRuns, endOnFailure: false });
    if (details.failed) {
      const [failed] = details.counterexample ?? [];
      const kept = failed === undefined ? undefined : keepCase(failed);
      throw new Error(`seed ${seed}, kept in regressions.json: ${JSON.stringify(kept)}`, {
        cause: details.errorInstance,
      });
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.info(
      `${pairs} pairs in ${seconds} s (seed ${seed}), 0 differences: ${accepted} accepted; ` +
        `${inKernel} of ${numRuns} filters with programs in the kernel, ${onPayload} of them on payloads`,
    );
    expect(accepted).toBeGreaterThan(pairs / 10);
    expect(inKernel).toBeGreaterThan(numRuns / 3);
    expect(onPayload).toBeGreaterThan(numRuns / 40);
  },
);

/** With one call only, if that is enough to fail. */
function keepCase(fuzzCase: FuzzCase): object {
  const alone = fuzzCase.calls.map((call) => ({ ...fuzzCase, calls: [call] }));
  const smallest = alone.find((one) => {
    try {
      runCase(machine, one);
      return false;
    } catch {
      return true;
    }
  });
  const kept = caseToJson(smallest ?? fuzzCase);
  writeFileSync(REGRESSIONS, `${JSON.stringify([...regressions(), kept], undefined, 2)}\n`);
  return kept;
}
