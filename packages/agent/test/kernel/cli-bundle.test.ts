import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { request, run, startServer } from "./support/http.ts";
import { recordsOf, tile } from "./support/tiling.ts";

const root = join(import.meta.dirname, "../..");
let directory = "";
let command = "";

beforeAll(async () => {
  await run(process.execPath, [join(root, "bundle.ts")]);
  directory = await mkdtemp(join(tmpdir(), "tcptracker-bundle-"));
  await cp(join(root, "dist/bundle"), directory, { recursive: true });
  command = join(directory, "tcptracker.js");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test("the bundle taps, away from the checkout", async () => {
  await using server = await startServer();
  await using agent = await Agent.tapping(["--json"], { command, spawn: { cwd: "/" } });
  await request(server.port, "/bundled");
  const { code, stderr } = await agent.stop();
  expect(code).toBe(0);
  const client = recordsOf(agent.records(), { remote: server.port });
  expect(tile(client, "egress").captured).toBeGreaterThan("GET /bundled".length);
  expect(stderr).toContain("calls on");
});

test("it knows its version", async () => {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  // As a command: by its first line.
  const { PATH = "", ...rest } = process.env;
  const env = { ...rest, PATH: `${join(process.execPath, "..")}:${PATH}` };
  expect((await run(command, ["--version"], { cwd: "/", env })).stdout).toBe(`${version}\n`);
});

test("it imports nothing that is not beside it or part of Node.js", async () => {
  const code = await readFile(command, "utf8");
  const imported = [...code.matchAll(/^import .* from "(.*)";$/gm)].map(([, name]) => name);
  // What was CommonJS requires parts of Node.js; nothing else may be left to be found at run time.
  const required = [...code.matchAll(/\brequire\("([^"]*)"\)/g)].map(([, name = ""]) => name);
  expect(required.filter((name) => !isBuiltin(name))).toEqual([]);
  expect(new Set(code.match(/\bimport\([^)]*\)/g))).toEqual(new Set(['import("./kubernetes.js")']));
  expect(imported.length).toBeGreaterThan(5);
  expect(imported.filter((name) => name?.startsWith("node:") !== true)).toEqual([]);
  expect(code).not.toContain(join(root, "../.."));
});

test("what is beside it asks for parts of Node.js only", async () => {
  const code = await readFile(join(directory, "kubernetes.js"), "utf8");
  const asked = [...code.matchAll(/\brequire\("([^"]*)"\)|^import .* from "(.*)";$/gm)];
  const names = asked.map(([, required, imported = ""]) => required ?? imported);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !isBuiltin(name))).toEqual([]);
  expect(code).not.toContain(join(root, "../.."));
});

test("without its files it says what is missing", async () => {
  await using agent = await (async () => {
    const empty = join(directory, "empty");
    await cp(command, join(empty, "tcptracker.js"));
    await cp(join(directory, "package.json"), join(empty, "package.json"));
    return new Agent(["tap", "--duration", "1s"], { command: join(empty, "tcptracker.js") });
  })();
  const { code, stderr } = await agent.ended();
  expect(code).toBe(1);
  expect(stderr).toContain(join(directory, "empty", "native"));
});
