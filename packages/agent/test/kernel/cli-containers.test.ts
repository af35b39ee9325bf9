/** The command, with processes in real cgroups that are named as a runtime names them, and a runtime that knows their names. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { ContainerCgroup } from "./support/container.ts";
import { request, startServer, type Listening } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until } from "./support/until.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";

const NOTHING = new Uint8Array(0);

let server: Listening;
let cgroup: ContainerCgroup;
let socket = "";
/** The stream of the runtime's events to the agent. */
let events: ServerResponse | undefined;

/** A runtime that has one container, `web`; as long as that has no cgroup, it tells of it only when it is asked for that one. */
async function startRuntime(path: string): Promise<void> {
  const runtime = createServer(({ url = "" }, response) => {
    if (url.startsWith("/events")) {
      response.flushHeaders();
      events = response;
    } else if (url === "/version") response.end("{}");
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

/** As Docker does it: says who the container is, makes its cgroup, and takes its time before the first process runs in it. */
async function createContainer(): Promise<void> {
  const Actor = { ID: id, Attributes: { name: "web", image: "nginx:1.29" } };
  events?.write(`${JSON.stringify({ Type: "container", Action: "create", Actor })}\n`);
  cgroup.make();
  await delay(500);
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

describe("a filter", () => {
  // All that is decided in the kernel, all that is not, and some of both.
  test.each([
    ['container.name == "web"'],
    ['container.image.startsWith("nginx:") && remote.port != 1'],
    ['container.name.matches("^w.b$") && container.id != "x"'],
    ['(container.name == "web" && !payload.contains("no such text")) || process.name == "nobody"'],
  ])("%s keeps the records of the container", async (filter) => {
    await using agent = await Agent.tapping(["--json", "--runtime-socket", socket, "--filter", filter]);
    await request(server.port, "/from-outside");
    await createContainer();
    await cgroup.request(server.port, "/from-inside");
    await cgroup.remove();
    const { code, stdout, stderr } = await agent.stop();
    const records = agent.records();
    expect(records).not.toEqual([]);
    for (const { container } of records) expect(container?.name).toBe("web");
    const sent = Buffer.concat(
      recordsFor(agent).map((record) =>
        record.type === "data" && record.direction === "egress" ? (record.payload ?? NOTHING) : NOTHING,
      ),
    );
    expect(sent.toString()).toContain("GET /from-inside HTTP/1.1");
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("ERR_")]);
    expect(stdout).not.toContain(btoa("GET /from-outside"));
  });

  test("that leaves the container out keeps the others", async () => {
    const filter = `container.name != "web" && remote.port == ${server.port}`;
    await using agent = await Agent.tapping(["--json", "--runtime-socket", socket, "--filter", filter]);
    await createContainer();
    await cgroup.request(server.port, "/from-inside");
    await request(server.port, "/from-outside");
    await agent.stop();
    expect(agent.records()).not.toEqual([]);
    for (const record of agent.records()) expect(record).not.toHaveProperty("container");
  });

  test("is explained: the kernel decides it", async () => {
    await using agent = new Agent(["explain", "--json", 'container.name == "web"']);
    const { stdout } = await agent.ended();
    const { plan, maps } = JSON.parse(stdout) as { plan: { residual?: unknown }; maps: { set?: string }[] };
    expect(maps.filter(({ set }) => set !== undefined)).toHaveLength(1);
    expect(JSON.stringify(plan)).toContain("container.name");
  });

  test("needs containers", async () => {
    await using agent = new Agent(["tap", "--no-containers", "--filter", 'container.name == "web"']);
    const { code, stderr } = await agent.ended();
    expect([code, stderr]).toEqual([2, expect.stringContaining("ERR_FILTER_UNAVAILABLE")]);
  });
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
