/** The command, with processes in real cgroups that are named as a runtime names them, and a runtime that knows their names. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { ContainerCgroup } from "./support/container.ts";
import { startServer, type Listening } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until } from "./support/until.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

let server: Listening;
let cgroup: ContainerCgroup;
let socket = "";

/** A runtime that has one container, `web`; as long as that has no cgroup, it tells of it only when it is asked for that one. */
async function startRuntime(path: string): Promise<void> {
  const runtime = createServer(({ url = "" }, response) => {
    if (url.startsWith("/events")) response.flushHeaders();
    else if (url === "/version") response.end("{}");
    else if (url.startsWith("/containers/json")) {
      const web = { Id: id, Names: ["/web"], Image: "nginx:1.29" };
      response.end(JSON.stringify(existsSync(cgroup.path) ? [web] : []));
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
  cgroup = new ContainerCgroup(`docker-${id}.scope`);
  await startRuntime(socket);
  onTestFinished(async () => {
    await cgroup.remove();
    rmSync(work, { recursive: true });
  });
});

test("a container that is gone before anybody looks is in its records, by name", async () => {
  await using agent = await Agent.tapping(["--json", "--runtime-socket", socket]);
  cgroup.make();
  await cgroup.request(server.port, "/from-container");
  await cgroup.remove();
  await until("the end was seen", () => recordsFor(agent).some(({ type }) => type === "close"));
  const { code, stderr } = await agent.stop();
  const records = recordsFor(agent);
  expect(records.map(({ type }) => type)).toEqual(expect.arrayContaining(["open", "data", "close"]));
  for (const { container } of records)
    expect(container).toEqual({ id, name: "web", image: "nginx:1.29", runtime: "docker" });
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("ERR_")]);
  // The other end of the same connections is not in it.
  const others = agent.records().filter(({ local }) => local.port === server.port);
  expect(others).not.toEqual([]);
  for (const record of others) expect(record).not.toHaveProperty("container");
});

test("text has the container's name", async () => {
  cgroup.make();
  await using agent = await Agent.tapping(["--runtime-socket", socket]);
  await cgroup.request(server.port, "/in-text");
  const { stdout } = await agent.stop();
  expect(stdout).toMatch(
    /^\S+ {2}(bash|cat)\[\d+\] {2}web {2}127\.0\.0\.1:\d+ > .* {2}\| GET \/in-text HTTP\/1\.1$/m,
  );
});

test("--no-containers leaves them out", async () => {
  cgroup.make();
  await using agent = await Agent.tapping(["--json", "--no-containers"]);
  await cgroup.request(server.port, "/left-out");
  await agent.stop();
  expect(recordsFor(agent)).not.toEqual([]);
  for (const record of recordsFor(agent)) expect(record).not.toHaveProperty("container");
});

test("a cgroup root that is none ends it", async () => {
  await using agent = new Agent(["tap", "--cgroup-root", "/nowhere"]);
  const { code, stderr } = await agent.ended();
  expect([code, stderr]).toEqual([1, expect.stringContaining("ERR_CONTAINERS_HIERARCHY")]);
});
