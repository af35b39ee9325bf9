import { describe, expect, test } from "vitest";
import { combinations, label, planScript, stepFor, STRATEGIES, TRANSPORTS } from "./plan.ts";

describe("combinations", () => {
  test("what auto chooses, and every pair of the others", () => {
    expect(combinations(STRATEGIES, TRANSPORTS).map(label)).toEqual([
      ...["auto-auto", "fexit-ringbuf", "fexit-perfbuf", "kprobe-ringbuf", "kprobe-perfbuf"],
      ...["tracepoint-ringbuf", "tracepoint-perfbuf"],
    ]);
  });

  test("as far as they are asked for", () => {
    expect(combinations(["kprobe"], TRANSPORTS).map(label)).toEqual(["kprobe-ringbuf", "kprobe-perfbuf"]);
    expect(combinations(["auto"], ["perfbuf"]).map(label)).toEqual(["auto-perfbuf"]);
    expect(combinations(STRATEGIES, ["auto"]).map(label)).toEqual(["auto-auto"]);
  });
});

describe("steps", () => {
  const kprobe = { strategy: "kprobe", transport: "ringbuf" } as const;
  const quick = { quick: true, tests: [] };
  const full = { quick: false, tests: [] };

  test("what is not supported must be refused", () => {
    expect(stepFor(kprobe, false, full).files).toEqual(["refused"]);
  });

  test("a quick run has few scenarios and few taps", () => {
    expect(stepFor({ strategy: "auto", transport: "auto" }, true, quick).files).toEqual([
      "syscalls",
      "compat",
      "send-file",
      "filter",
      "load",
    ]);
    expect(stepFor(kprobe, true, quick)).toMatchObject({
      files: ["syscalls", "filter", "load"],
      amount: "few",
    });
    expect(stepFor(kprobe, true, full).amount).toBe("all");
  });

  test("only the tests that were asked for", () => {
    expect(stepFor(kprobe, true, { quick: false, tests: ["load"] })).toMatchObject({
      files: ["load"],
      amount: "all",
    });
    expect(stepFor(kprobe, false, { quick: true, tests: ["load"] }).files).toEqual(["refused"]);
  });

  test("the script runs each with its environment and a limit", () => {
    const script = planScript("6.1", [stepFor(kprobe, true, quick)], 600);
    expect(script).toContain("export TCPTRACKER_TEST_KERNEL=6.1\n");
    expect(script).toContain("TCPTRACKER_TEST_ATTACH=kprobe TCPTRACKER_TEST_TRANSPORT=ringbuf");
    expect(script).toMatch(/timeout -s KILL 600 node .* \/out\/kprobe-ringbuf\.jsonl syscalls /);
  });
});
