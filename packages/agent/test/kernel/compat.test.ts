// The calls of 32-bit programs: the scenarios of the catalog, made by the kernel's 32-bit entry.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTraffic } from "../traffic/build.ts";
import { withoutFilePages, type Scenario } from "../traffic/catalog.ts";
import { runTraffic, TrafficError } from "../traffic/program.ts";
import { expectBalance } from "./support/account.ts";
import { Collector } from "./support/collector.ts";
import { checkScenario } from "./support/scenario.ts";
import { chosenScenarios } from "./support/scenarios.ts";

/** The exit code of the traffic generator where there is no such entry. */
const NO_ENTRY = 3;

let always: Collector;
/** Why this machine cannot make 32-bit calls. */
let unsupported: string | undefined;

beforeAll(async () => {
  buildTraffic();
  always = new Collector();
  try {
    await runTraffic(["--abi", "32", "--size", "0"]);
  } catch (error) {
    if (!(error instanceof TrafficError) || error.exitCode !== NO_ENTRY) throw error;
    unsupported = error.message;
    console.warn(`SKIPPED: ${unsupported}`);
  }
});

afterAll(async () => {
  await always[Symbol.asyncDispose]();
});

/** All but the one that passes wrong addresses: they cannot be rewritten. */
const scenarios = chosenScenarios().filter(({ args }) => !args.includes("errors"));

/** socketcall(2) has the calls for sockets only. */
function usesSocketCalls({ calls }: Scenario): boolean {
  return calls.some((call) => /^(send(to|m)|recv|accept|connect)/.test(call));
}

for (const [abi, some] of [
  ["32", scenarios],
  ["32-socketcall", scenarios.filter(usesSocketCalls)],
] as const)
  describe(`the tapped bytes are the moved bytes with --abi ${abi}`, () => {
    for (const scenario of some)
      test(scenario.name, async ({ skip }) => {
        if (unsupported !== undefined) skip(unsupported);
        // Where a 32-bit program keeps the position in the file is not known to the programs.
        const expected = withoutFilePages(scenario);
        await checkScenario({ ...expected, args: [...scenario.args, "--abi", abi] }, always);
      });
  });

test("nothing was lost on the way", async ({ skip }) => {
  if (unsupported !== undefined) skip(unsupported);
  await always[Symbol.asyncDispose]();
  const statistics = always.statistics();
  expectBalance(statistics);
  for (const name of [
    "fault",
    "undeclared_bytes",
    "untracked_bytes",
    "tail_call_failed",
    "segments_exceeded",
    "strange_registers",
  ] as const)
    expect(statistics.counters[name], name).toBe(0n);
});
