import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTraffic } from "../traffic/build.ts";
import { catalog } from "../traffic/catalog.ts";
import { runTraffic } from "../traffic/program.ts";
import { Collector } from "./support/collector.ts";
import { checkScenario } from "./support/scenario.ts";
import { chosenScenarios } from "./support/scenarios.ts";

/** For the scenarios that want the tap on before they start. */
let always: Collector;

beforeAll(() => {
  buildTraffic();
  always = new Collector();
});

afterAll(async () => {
  await always[Symbol.asyncDispose]();
});

describe("the tapped bytes are the moved bytes", () => {
  for (const scenario of chosenScenarios()) {
    test(scenario.name, async () => {
      await checkScenario(scenario, always);
    });
  }
});

test("what is not TCP is ignored", async () => {
  const ignored = (): bigint => {
    const { counters } = always.statistics();
    return counters.not_tcp + counters.not_a_socket;
  };
  const before = ignored();
  const scenario = catalog.find(({ args }) => args.includes("other"));
  const reports = await runTraffic(scenario?.args ?? []);
  expect(reports[0]?.ignored).toBeGreaterThan(0);
  expect(ignored()).toBeGreaterThan(before);
});

// Not whether the ring was ever full: others on this machine may have moved more than it holds. Each scenario
// above has come without a gap.
test("nothing was lost in silence", () => {
  const { counters, decodeErrors, missedRuns } = always.statistics();
  console.log(`tapped by ${always.attachedAs}; ${missedRuns} missed runs`);
  expect(decodeErrors).toBe(0);
  expect(counters.egress_bytes + counters.ingress_bytes).toBe(counters.delivered_bytes + counters.gap_bytes);
  for (const name of [
    "close_lost",
    "undeclared_bytes",
    "untracked_bytes",
    "tail_call_failed",
    "segments_exceeded",
    "stale_connection",
    "implausible",
  ] as const)
    expect(counters[name], name).toBe(0n);
});
