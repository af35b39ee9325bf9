import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Diagnosis } from "../../src/index.ts";
import { Agent, type AgentOptions, type AgentResult } from "./support/agent.ts";
import { attachedAs, parseDiagnosis, typeErrorsOf } from "./support/diagnosis.ts";
import { request, run, startServer } from "./support/http.ts";
import { recordsOf, tile } from "./support/tiling.ts";
import { NOBODY, PublicCopy } from "./support/users.ts";

const SECONDS = 120;

const FILE_CAPABILITIES = "cap_bpf,cap_perfmon=ep";

let copy: PublicCopy;
beforeAll(async () => {
  copy = await PublicCopy.make();
}, SECONDS * 1000);
afterAll(() => copy[Symbol.asyncDispose]());

async function ended(args: readonly string[], options: AgentOptions): Promise<AgentResult> {
  await using agent = new Agent(args, options);
  return await agent.ended(SECONDS);
}

async function diagnosed(args: readonly string[], options: AgentOptions): Promise<[AgentResult, Diagnosis]> {
  const result = await ended(["doctor", "--json", ...args], options);
  expect(result.stderr).toBe("");
  return [result, parseDiagnosis(result.stdout)];
}

/** A request that another process makes, as this tap records it. */
async function recordsRequest(options: AgentOptions): Promise<void> {
  await using server = await startServer();
  await using agent = await Agent.tapping(["--json"], options);
  await request(server.port, "/as-nobody");
  const { code } = await agent.stop();
  expect(code).toBe(0);
  const client = recordsOf(agent.records(), { remote: server.port });
  expect(tile(client, "egress").captured).toBeGreaterThan("GET /as-nobody".length);
  expect(new Set(client.map(({ process: { pid } }) => pid))).toEqual(new Set([process.pid]));
}

describe("as nobody", { timeout: SECONDS * 1000 }, () => {
  test.each([
    [[], "without CAP_BPF and CAP_PERFMON"],
    [["bpf"], "without CAP_PERFMON"],
    [["perfmon"], "without CAP_BPF"],
  ])("with %j: 3, and doctor says what is missing", async (capabilities, text) => {
    const [{ code, stdout }, diagnosis] = await diagnosed([], copy.as(capabilities));
    expect(code).toBe(3);
    expect(typeErrorsOf(stdout)).toEqual([]);
    expect(diagnosis).toMatchObject({ verdict: "not_permitted", exitCode: 3, hooks: [] });
    expect(diagnosis.facts.process.uid).toBe(NOBODY);
    expect(diagnosis.findings.find(({ code: name }) => name === "capabilities")).toMatchObject({
      state: "problem",
      text: `user id ${NOBODY}, ${text}`,
    });
    expect(diagnosis.summary).toContain(text.replace("without", "lacks"));
    // The kernel was asked about every way.
    expect(new Set(diagnosis.ways.map(({ state }) => state))).toEqual(new Set(["refused"]));
    const tap = await ended(["tap", "--duration", "1ms"], copy.as(capabilities));
    expect([tap.code, tap.stderr]).toEqual([3, expect.stringContaining("not permitted") as string]);
  });

  test.each([[["bpf", "perfmon"]], [["sys_admin"]]])(
    "with %j: taps, and doctor knows how",
    async (capabilities) => {
      const [{ code }, diagnosis] = await diagnosed(["--quick"], copy.as(capabilities));
      expect(code).toBe(0);
      expect(diagnosis.findings.find(({ code: name }) => name === "capabilities")?.state).toBe("ok");
      const tap = await ended(["tap", "--duration", "1ms"], copy.as(capabilities));
      expect(tap.code, tap.stderr).toBe(0);
      expect(attachedAs(tap.stderr)).toBe(diagnosis.attachedAs);
    },
  );

  test("with ambient CAP_BPF and CAP_PERFMON: the bytes of other processes", async () => {
    await recordsRequest(copy.as(["bpf", "perfmon"]));
  });

  test("the README's commands are these", async () => {
    const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
    const [, setpriv = ""] = /^sudo (setpriv [^]*?) -- tcptracker tap$/m.exec(readme) ?? [];
    const [program = "", ...args] = setpriv.replaceAll("\\\n", " ").split(/\s+/);
    const prefix = [...args, "--", copy.node];
    await recordsRequest({ program, prefix, command: copy.command, spawn: { cwd: "/" } });
    expect(readme).toContain(`sudo setcap ${FILE_CAPABILITIES} `);
  });

  test("lack of rights is not taken for lack of a ring buffer", async () => {
    const { code, stderr } = await ended(["tap", "--transport", "ringbuf"], copy.as([]));
    expect(code).toBe(3);
    expect(stderr).not.toContain("no BPF ring buffer");
  });

  test("perf buffers are locked memory: small ones, or CAP_IPC_LOCK", async () => {
    const args = ["tap", "--duration", "1ms", "--transport", "perfbuf"];
    const paranoid = Number(await readFile("/proc/sys/kernel/perf_event_paranoid", "utf8"));
    // A distribution's highest level keeps perf events from CAP_PERFMON.
    const rights = paranoid > 2 ? ["sys_admin"] : ["bpf", "perfmon"];
    const limited = ["prlimit", "--memlock=65536", "--"];
    const large = await ended(args, copy.as(rights, limited));
    expect([large.code, large.stderr]).toEqual([
      3,
      expect.stringMatching(/more memory than the process may lock; .*--buffer-size .*perf buffer/),
    ]);
    const small = await ended([...args, "--buffer-size", "256k"], copy.as(rights, limited));
    expect(small.code, small.stderr).toBe(0);
    const locking = await ended(args, copy.as([...rights, "ipc_lock"], limited));
    expect(locking.code, locking.stderr).toBe(0);
  });

  test("with the capabilities of the file", async () => {
    await run("setcap", [FILE_CAPABILITIES, copy.node]);
    try {
      const [{ code }, diagnosis] = await diagnosed(["--quick"], copy.asFileSays());
      expect(code).toBe(0);
      expect(diagnosis.facts.process).toMatchObject({ uid: NOBODY, effective: ["CAP_BPF", "CAP_PERFMON"] });
      await recordsRequest(copy.asFileSays());
    } finally {
      await run("setcap", ["-r", copy.node]);
    }
  });
});

test("root of a user namespace: 3, and why", { timeout: SECONDS * 1000 }, async () => {
  const options = {
    program: "unshare",
    prefix: ["--user", "--map-root-user", "--", copy.node],
    command: copy.command,
  };
  const [{ code }, diagnosis] = await diagnosed([], options);
  expect(code).toBe(3);
  expect(diagnosis.facts.process).toMatchObject({ uid: 0, initialUserNamespace: false });
  expect(diagnosis.summary).toContain("user namespace");
  const tap = await ended(["tap", "--duration", "1ms"], options);
  expect([tap.code, tap.stderr]).toEqual([
    3,
    expect.stringMatching(/in a user namespace of its own, .*; run it in the first user namespace/),
  ]);
});
