import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diagnose } from "../../src/doctor/diagnose.ts";
import { Agent, type AgentOptions, COMMAND } from "./support/agent.ts";
import { whileRequesting, request, startServer, type Listening } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until, within } from "./support/until.ts";

const SUMMARY = /^tcptracker: \d.* calls? on .* connections? .* records?$/m;

let server: Listening;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

function payloadsOf(agent: Agent): string {
  return recordsOf(agent.records(), { remote: server.port })
    .map((record) => (record.type === "data" ? Buffer.from(record.payload ?? []).toString("latin1") : ""))
    .join("");
}

describe("what goes where", () => {
  test("--json: records and nothing else on standard output, the rest on standard error", async () => {
    await using agent = await Agent.tapping(["--json"]);
    expect(await request(server.port, "/hello")).toBe("you asked for /hello");
    // The ends close on their own time.
    await until("the client's end is closed", () =>
      recordsOf(agent.records(), { remote: server.port }).some(({ type }) => type === "close"),
    );
    const { code, stdout, stderr } = await agent.stop();
    expect(code).toBe(0);
    expect(stdout.endsWith("\n")).toBe(true);
    const client = recordsOf(agent.records(), { remote: server.port });
    expect(client.map(({ type }) => type)).toEqual(expect.arrayContaining(["open", "data", "close"]));
    expect(new Set(client.map(({ process: { pid } }) => pid))).toEqual(new Set([process.pid]));
    expect(payloadsOf(agent)).toMatch(
      /^GET \/hello HTTP\/1.1\r\n[^]*HTTP\/1.1 200 OK\r\n[^]*you asked for \/hello$/,
    );
    expect(stderr).toMatch(/^tcptracker: tapping .*$/m);
    expect(stderr).toMatch(SUMMARY);
    expect(stderr).toMatch(/^(tcptracker: .*\n)+$/);
  });

  test("text: a line for each record, without colours where there is no terminal", async () => {
    await using agent = await Agent.tapping();
    await request(server.port, "/in-text");
    const { stdout } = await agent.stop();
    const lines = stdout.split("\n").filter((line) => line.includes(`127.0.0.1:${server.port}`));
    const time = String.raw`^\d\d:\d\d:\d\d\.\d{6}  .*\[${process.pid}\]  127\.0\.0\.1:\d+`;
    const asked = new RegExp(
      String.raw`${time} > 127\.0\.0\.1:${server.port}  \d+ B  \| GET /in-text HTTP/1.1$`,
    );
    const answered = new RegExp(
      String.raw`${time} < 127\.0\.0\.1:${server.port}  \d+ B  \| HTTP/1.1 200 OK$`,
    );
    expect(lines.filter((line) => asked.test(line))).toHaveLength(1);
    expect(lines.filter((line) => answered.test(line))).toHaveLength(1);
    expect(stdout).not.toContain("\x1b");
  });
});

describe("the end", () => {
  test("--duration ends by itself", async () => {
    const started = performance.now();
    await using agent = new Agent(["tap", "--duration", "1s"]);
    const { code, stderr } = await agent.ended();
    expect(performance.now() - started).toBeGreaterThan(1000);
    expect(code).toBe(0);
    expect(stderr).toMatch(SUMMARY);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s drains what was seen until then", async (signal) => {
    await using agent = await Agent.tapping(["--json"]);
    await request(server.port, `/just-before-${signal}`);
    const { code, stderr } = await agent.stop(signal);
    expect(code).toBe(0);
    expect(payloadsOf(agent)).toContain(`you asked for /just-before-${signal}`);
    expect(stderr).toMatch(SUMMARY);
  });
});

describe("standard output that is closed ends quietly", () => {
  const quiet = /^tcptracker: tapping .*\n(tcptracker: (?!cannot).*\n){2,}$/;

  test.each([[[]], [["--json"]]])("tap %j | head -n 1", async (options) => {
    const script = '"$@" | head -n 1; echo "exit ${PIPESTATUS[0]}"';
    await using agent = new Agent([script, "bash", process.execPath, COMMAND, "tap", ...options], {
      program: "bash",
      command: "-c",
    });
    const { stdout, stderr } = await whileRequesting(server.port, () => agent.ended());
    const lines = stdout.split("\n");
    expect(lines).toHaveLength(3);
    expect(lines.slice(1)).toEqual(["exit 0", ""]);
    expect(stderr).toMatch(quiet);
  });

  test.each([[[]], [["--json"]]])("tap %j and a reader that is gone from the start", async (options) => {
    await using agent = new Agent(["tap", ...options]);
    agent.child.stdout.destroy();
    const { code, stderr } = await whileRequesting(server.port, () => agent.ended());
    expect(code).toBe(0);
    expect(stderr).toMatch(quiet);
  });

  test("a reader that leaves while the agent waits for it", async () => {
    await using big = await startServer("127.0.0.1", "x".repeat(1 << 20));
    await using agent = await Agent.tapping(["--json"]);
    agent.child.stdout.pause();
    // Many times what the pipe between the two can hold.
    for (let i = 0; i < 4; i++) await within("a response", request(big.port, "/big"));
    agent.child.stdout.destroy();
    const { code, stderr } = await whileRequesting(server.port, () => agent.ended());
    expect(code).toBe(0);
    expect(stderr).toMatch(quiet);
  });
});

describe("exit codes", () => {
  test.each([
    [2, [], "a command is missing"],
    [2, ["tap", "--nonsense"], "--nonsense"],
    [2, ["tap", "--snaplen", "many"], "--snaplen"],
    [2, ["tap", "--buffer-size", "1"], "--buffer-size takes 256k to 1G"],
    [2, ["tap", "--filter", "remote.prt == 1"], "column 1"],
    [2, ["tap", "--config", "/nowhere.yaml"], "cannot read the configuration"],
    [2, ["explain", "size > "], "ERR_FILTER_SYNTAX"],
    [4, ["tap", "--write", "x"], "--write"],
  ])("%d for %j", (code, args, message) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8" });
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: code, stdout: "" });
  });

  // What this kernel can do is for the doctor to say; the tap must agree with it.
  test.each(["fexit", "kprobe", "tracepoint"] as const)(
    "--attach %s: 0, or 4 and the reason",
    async (attach) => {
      const { ways } = await diagnose();
      const usable = ways.some(({ strategy, state }) => strategy === attach && state !== "refused");
      await using agent = new Agent(["tap", "--attach", attach, "--duration", "100ms"]);
      const { code, stderr } = await agent.ended();
      expect(stderr).toMatch(usable ? `by ${attach} (` : /does not accept.*tcptracker doctor/);
      expect(code).toBe(usable ? 0 : 4);
    },
  );

  test("3 without the rights, and it says which", async () => {
    await using agent = new Agent(["tap", "--duration", "1s"], withCapabilities());
    const { code, stdout, stderr } = await agent.ended();
    expect(stderr).toMatch(/not permitted.*lacks CAP_BPF and CAP_PERFMON; start it where it may have/);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  });

  test("0 with those rights and no others", async () => {
    await using agent = new Agent(["tap", "--duration", "100ms"], withCapabilities("bpf", "perfmon"));
    const { code, stderr } = await agent.ended();
    expect(stderr).toContain("tapping");
    expect(code).toBe(0);
  });
});

test("npx finds the command of this checkout", () => {
  const { status, stdout, stderr } = spawnSync("npx", ["--no", "tcptracker", "--version"], {
    cwd: join(import.meta.dirname, "../../../.."),
    encoding: "utf8",
  });
  expect({ status, stdout: stdout.trim() }, stderr).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string,
  });
});

/** Root's user id, so that the files can be read wherever they are, and only these of root's rights. */
function withCapabilities(...names: readonly string[]): AgentOptions {
  const bounding = ["-all", ...names.map((name) => `+${name}`)].join(",");
  return {
    program: "setpriv",
    prefix: [`--bounding-set=${bounding}`, "--inh-caps=-all", "--", process.execPath],
  };
}
