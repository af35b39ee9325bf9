// What refuses a tap that has all capabilities: tap and doctor say the same of it, with the same exit code.
import { describe, expect, test } from "vitest";
import type { Diagnosis } from "../../src/index.ts";
import { Agent, type AgentOptions, type AgentResult } from "./support/agent.ts";
import { forbidding } from "./support/cases.ts";
import { parseDiagnosis } from "./support/diagnosis.ts";

const SECONDS = 120;

/** The command behind a program that starts it. */
function behind([program, ...prefix]: readonly [string, ...string[]]): AgentOptions {
  return { program, prefix: [...prefix, process.execPath] };
}

async function tap(args: readonly string[], options: AgentOptions): Promise<AgentResult> {
  await using agent = new Agent(["tap", "--duration", "1ms", "--no-containers", ...args], options);
  return await agent.ended(SECONDS);
}

async function doctor(args: readonly string[], options: AgentOptions): Promise<Diagnosis> {
  await using agent = new Agent(["doctor", "--json", ...args], options);
  const { code, stdout, stderr } = await agent.ended(SECONDS);
  const diagnosis = parseDiagnosis(stdout);
  expect([code, stderr]).toEqual([diagnosis.exitCode, ""]);
  return diagnosis;
}

function textOf({ findings }: Diagnosis, code: string): string {
  return findings.find((finding) => finding.code === code)?.text ?? expect.fail(`nothing is said of ${code}`);
}

describe.each(["EPERM", "ENOSYS"] as const)(
  "a seccomp filter that answers %s",
  { timeout: SECONDS * 1000 },
  (error) => {
    test("to bpf: 3, for every transport, and what to do", async () => {
      const options = behind(forbidding("bpf", error));
      for (const transport of ["auto", "ringbuf", "perfbuf"]) {
        const { code, stderr } = await tap(["--transport", transport], options);
        expect([transport, code, stderr]).toEqual([
          transport,
          3,
          expect.stringMatching(
            `${error}.*seccomp filter is in force, .* bpf; start it with a seccomp profile`,
          ),
        ]);
      }
      const { exitCode, summary, facts } = await doctor(["--quick"], options);
      expect([exitCode, summary]).toEqual([3, expect.stringContaining("seccomp")]);
      expect(facts.process.seccomp).toBe(true);
    });

    test("to perf_event_open: nothing but what needs it is refused, and blamed on the filter", async () => {
      const options = behind(forbidding("perf_event_open", error));
      expect(await tap([], options)).toMatchObject({ code: 0 });
      const refused = await tap(["--attach", "tracepoint", "--transport", "perfbuf"], options);
      expect([refused.code, refused.stderr]).toEqual([
        3,
        expect.stringMatching(`${error}.*seccomp filter is in force, .* perf_event_open; start it with`),
      ]);
      expect(refused.stderr).not.toContain("lock");
      const diagnosis = await doctor([], options);
      expect(diagnosis.exitCode).toBe(0);
      expect(textOf(diagnosis, "perfbuf")).toContain("seccomp");
      // Whether this kernel has fexit or not, bpf is not what the filter is against.
      expect(textOf(diagnosis, "fexit")).not.toContain("seccomp");
    });
  },
);

test("too few open files: 1, and how to have more", { timeout: SECONDS * 1000 }, async () => {
  // Node.js reads these certificates in a thread of its own, and complains itself when it has no file left for them.
  const env = { ...process.env };
  delete env["NODE_EXTRA_CA_CERTS"];
  const options = { ...behind(["prlimit", "--nofile=48", "--"]), spawn: { env } };
  for (const transport of ["ringbuf", "perfbuf"]) {
    const { code, stderr } = await tap(["--transport", transport], options);
    expect([transport, code, stderr]).toEqual([
      transport,
      1,
      expect.stringMatching(/ERR_TAP_RESOURCES: .* 48 files open .*; raise 'ulimit -n' .*LimitNOFILE/),
    ]);
  }
  const diagnosis = await doctor(["--quick"], options);
  expect(diagnosis).toMatchObject({ verdict: "failed", exitCode: 1 });
  expect(textOf(diagnosis, "open_files")).toContain("48 files");
});
