import { existsSync } from "node:fs";
import { release } from "node:os";
import { SYSTEM_CALLS } from "../../src/doctor/try-ways.ts";
import { beforeAll, describe, expect, test } from "vitest";
import { diagnose, type Diagnosis } from "../../src/index.ts";
import { Agent, COMMAND, type AgentOptions, type AgentResult } from "./support/agent.ts";
import { attachedAs, parseDiagnosis, typeErrorsOf } from "./support/diagnosis.ts";

/** Every way takes about a second, more on a busy machine. */
const SECONDS = 120;

async function doctor(args: readonly string[], options: AgentOptions = {}): Promise<AgentResult> {
  await using agent = new Agent(["doctor", ...args], options);
  return await agent.ended(SECONDS);
}

async function tap(args: readonly string[]): Promise<AgentResult> {
  await using agent = new Agent(["tap", "--duration", "1ms", ...args]);
  return await agent.ended(SECONDS);
}

/** `doctor --quick` as the arguments of a script. */
function inBash(script: string): Agent {
  const args = [script, "bash", process.execPath, COMMAND, "doctor", "--quick"];
  return new Agent(args, { program: "bash", command: "-c" });
}

describe("as root", { timeout: SECONDS * 1000 }, () => {
  let result: AgentResult;
  let diagnosis: Diagnosis;
  beforeAll(async () => {
    result = await doctor(["--json"]);
    diagnosis = parseDiagnosis(result.stdout);
  }, SECONDS * 1000);

  test("a tap runs here, and that is the exit code", () => {
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: "" });
    expect(diagnosis).toMatchObject({ format: 1, verdict: "works", exitCode: 0 });
    expect(diagnosis.facts.kernel).toMatchObject({ release: release(), architecture: process.arch });
    expect(diagnosis.findings.filter(({ state }) => state === "problem")).toEqual([]);
  });

  test("the JSON is of the documented type", () => {
    expect(typeErrorsOf(result.stdout)).toEqual([]);
    // The check itself is awake.
    expect(typeErrorsOf(result.stdout.replace('"works"', '"perhaps"'))).toHaveLength(1);
    expect(typeErrorsOf(result.stdout.replace('"format": 1', '"format": 1, "more": 1'))).toHaveLength(1);
  });

  test("what auto chooses is what tap uses", async () => {
    const { code, stderr } = await tap([]);
    expect(code).toBe(0);
    expect(attachedAs(stderr)).toBe(diagnosis.attachedAs);
    const chosen = diagnosis.ways.filter(({ state }) => state === "chosen");
    expect(chosen).toHaveLength(1);
    expect(diagnosis.hooks).toEqual(chosen[0]?.hooks);
    expect(diagnosis.hooks.map(({ call }) => call)).toEqual(SYSTEM_CALLS);
  });

  test("what it says of each strategy and transport is true of tap", async () => {
    for (const strategy of ["fexit", "kprobe", "tracepoint"] as const)
      for (const transport of ["ringbuf", "perfbuf"] as const) {
        const ways = diagnosis.ways.filter((way) => way.strategy === strategy && way.transport === transport);
        const open = ways.some(({ state }) => state === "chosen" || state === "usable");
        const { code, stderr } = await tap(["--attach", strategy, "--transport", transport]);
        expect([strategy, transport, code === 0], stderr).toEqual([strategy, transport, open]);
        if (open) continue;
        const codes = ways.flatMap(({ reasons }) => reasons.map(({ errno, code: name }) => errno ?? name));
        expect(codes.some((name) => stderr.includes(name))).toBe(true);
      }
  });

  test("a strategy that is not usable has its reason in plain words", () => {
    const kprobe = diagnosis.findings.find(({ code }) => code === "kprobe");
    if (existsSync("/sys/bus/event_source/devices/kprobe")) expect(kprobe?.state).toBe("ok");
    else expect(kprobe).toMatchObject({ text: expect.stringContaining("built without kprobes") as string });
    for (const { code, text } of diagnosis.findings.filter(({ area }) => area === "ways"))
      expect(text).toMatch(new RegExp(`^${code} is (?:usable.*: |not usable: )\\S`));
  });

  test("the library gives the same diagnosis", async () => {
    const { attachedAs: chosen, verdict, blindSpots } = await diagnose({ quick: true });
    expect({ chosen, verdict, blindSpots }).toEqual({
      chosen: diagnosis.attachedAs,
      verdict: diagnosis.verdict,
      blindSpots: diagnosis.blindSpots,
    });
  });

  test("as text: on standard output, without colours, and 80 columns are enough", async () => {
    const { code, stdout, stderr } = await doctor(["--quick"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("\x1b");
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toContain(`  ok       Linux ${release()}`);
    const [verdict] = stdout.split("\nVerdict\n").slice(1);
    expect(verdict?.replaceAll(/\s+/g, " ")).toBe(` ok a tap runs here, by ${diagnosis.attachedAs ?? ""} `);
    expect(stdout).toContain("not tried");
  });

  test("| head ends quietly", async () => {
    await using agent = inBash('"$@" | head -n 1; echo "exit ${PIPESTATUS[0]}"');
    const { stdout, stderr } = await agent.ended(SECONDS);
    expect({ stdout, stderr }).toEqual({ stdout: "Kernel\nexit 0\n", stderr: "" });
  });

  test("an output that takes nothing: 1, and why", async () => {
    await using agent = inBash('"$@" > /dev/full');
    const { code, stderr } = await agent.ended(SECONDS);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tcptracker: cannot write to standard output: ENOSPC.*\n$/);
  });
});

test("without the addon: a finding, and exit code 1", async () => {
  const env = { ...process.env, LIBBPF_ADDON: "/nonexistent/libbpf.node" };
  const { code, stdout, stderr } = await doctor(["--json"], { spawn: { env } });
  expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  const { verdict, findings, ways } = parseDiagnosis(stdout);
  expect(verdict).toBe("failed");
  expect(findings.find(({ code: name }) => name === "addon")).toMatchObject({
    state: "problem",
    text: expect.stringContaining("/nonexistent/libbpf.node") as string,
  });
  expect(new Set(ways.map(({ state }) => state))).toEqual(new Set(["untried"]));
});
