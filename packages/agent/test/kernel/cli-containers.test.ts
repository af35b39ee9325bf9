/** The command, with processes in real cgroups that are named as a runtime names them, and a runtime that knows their names. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { TapRecord } from "@tcptracker/events";
import { Agent } from "./support/agent.ts";
import { startServer, type Listening } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until } from "./support/until.ts";

const hierarchy = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) =>
  existsSync(join(path, "cgroup.controllers")),
);
const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

let server: Listening;
let socket = "";
let cgroup = "";

/** A runtime that has one container, `web`; as long as that has no cgroup, it tells of it only when it is asked for that one. */
async function startRuntime(path: string): Promise<void> {
  const runtime = createServer(({ url = "" }, response) => {
    if (url.startsWith("/events")) response.flushHeaders();
    else if (url === "/version") response.end("{}");
    else if (url.startsWith("/containers/json")) {
      const web = { Id: id, Names: ["/web"], Image: "nginx:1.29" };
      response.end(JSON.stringify(existsSync(cgroup) ? [web] : []));
    } else if (url === `/containers/${id}/json`)
      response.end(JSON.stringify({ Id: id, Name: "/web", Config: { Image: "nginx:1.29" } }));
    else response.writeHead(404).end("{}");
  });
  await new Promise<void>((resolve) => runtime.listen(path, resolve));
  onTestFinished(() => {
    runtime.closeAllConnections();
    runtime.close();
  });
}

/** A process that is in the cgroup from its first connection on, asks for a page, and ends. */
async function requestFromContainer(path: string): Promise<void> {
  const script = `echo $$ > "$0/cgroup.procs" && exec 3<>/dev/tcp/127.0.0.1/${server.port} &&
    printf 'GET ${path} HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' >&3 && cat <&3 >/dev/null`;
  const child = spawn("bash", ["-c", script, cgroup], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(0);
}

async function removeCgroup(): Promise<void> {
  await until("the cgroup can be removed", () => {
    try {
      rmdirSync(cgroup);
    } catch (error) {
      // A process that has just ended may still count.
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
      return false;
    }
    return true;
  });
}

function recordsFor(agent: Agent): TapRecord[] {
  return recordsOf(agent.records(), { remote: server.port });
}

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  const work = mkdtempSync(join(tmpdir(), "containers-"));
  socket = join(work, "docker.sock");
  await startRuntime(socket);
  if (hierarchy === undefined) throw new Error("there is no cgroup version 2 hierarchy to test with");
  const parent = mkdtempSync(join(hierarchy, "tcptracker-test-"));
  cgroup = join(parent, `docker-${id}.scope`);
  onTestFinished(() => {
    if (existsSync(cgroup)) rmdirSync(cgroup);
    rmdirSync(parent);
    rmSync(work, { recursive: true });
  });
});

test("a container that is gone before anybody looks is in its records, by name", async () => {
  await using agent = await Agent.tapping(["--json", "--runtime-socket", socket]);
  mkdirSync(cgroup);
  await requestFromContainer("/from-container");
  await removeCgroup();
  await until("the end was seen", () => recordsFor(agent).some(({ type }) => type === "close"));
  const { code, stderr } = await agent.stop();
  const records = recordsFor(agent);
  expect(records.map(({ type }) => type)).toEqual(expect.arrayContaining(["open", "data", "close"]));
  for (const { container } of records)
    expect(container).toEqual({ id, name: "web", image: "nginx:1.29", runtime: "docker" });
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("ERR_")]);
  // The other end of the same connections is not in it.
  expect(agent.records().filter(({ local }) => local.port === server.port)).not.toEqual([]);
  for (const { local, container } of agent.records())
    if (local.port === server.port) expect(container).toBeUndefined();
});

test("text has the container's name", async () => {
  mkdirSync(cgroup);
  await using agent = await Agent.tapping(["--runtime-socket", socket]);
  await requestFromContainer("/in-text");
  const { stdout } = await agent.stop();
  expect(stdout).toMatch(
    /^\S+ {2}(bash|cat)\[\d+\] {2}web {2}127\.0\.0\.1:\d+ > .* {2}\| GET \/in-text HTTP\/1\.1$/m,
  );
});

test("--no-containers leaves them out", async () => {
  mkdirSync(cgroup);
  await using agent = await Agent.tapping(["--json", "--no-containers"]);
  await requestFromContainer("/left-out");
  await agent.stop();
  expect(recordsFor(agent)).not.toEqual([]);
  for (const record of recordsFor(agent)) expect(record).not.toHaveProperty("container");
});

test("a cgroup root that is none ends it", async () => {
  await using agent = new Agent(["tap", "--cgroup-root", "/nowhere"]);
  const { code, stderr } = await agent.ended();
  expect([code, stderr]).toEqual([1, expect.stringContaining("ERR_CONTAINERS_HIERARCHY")]);
});
