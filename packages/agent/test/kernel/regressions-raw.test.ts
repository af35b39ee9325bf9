import { afterAll, beforeAll, expect, test } from "vitest";
import { Tap } from "../../src/index.ts";
import { buildTraffic } from "../traffic/build.ts";
import { expectBalance } from "./support/account.ts";
import { Collector } from "./support/collector.ts";
import { checkScenario } from "./support/scenario.ts";
import { representatives } from "./support/scenarios.ts";

/** The kind of programs that kernels load which refuse the typed ones. */
const RAW = { attach: "tracepoint", programs: "raw" } as const;

let always: Collector;
beforeAll(() => {
  buildTraffic();
  always = new Collector(RAW);
});
afterAll(async () => {
  await always[Symbol.asyncDispose]();
});

test("the programs are the raw ones", async () => {
  await using tap = Tap.start(RAW);
  expect(tap.attachedAs).toBe("tracepoint (raw programs, ringbuf)");
});

for (const scenario of representatives())
  test(`raw programs: ${scenario.name}`, async () => {
    await checkScenario(scenario, always, RAW);
  });

test("raw programs: nothing went uncounted", async () => {
  // What is owed has been declared when the tap has stopped. Whether the ring had room depends on this host's other traffic.
  await always[Symbol.asyncDispose]();
  const statistics = always.statistics();
  expectBalance(statistics);
  for (const name of ["untracked_bytes", "tail_call_failed", "connections_full"] as const)
    expect(statistics.counters[name], name).toBe(0n);
});
