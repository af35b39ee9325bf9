import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ClientSummary } from "./index.ts";

type Child = ChildProcessByStdio<null, Readable, Readable>;

const root = fileURLToPath(new URL("..", import.meta.url));
const urls: string[] = [];
let server: Child;

/** Runs a program from its source: Node takes the types away itself. */
function run(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Child {
  return spawn(process.execPath, argv, {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const piece of stream.setEncoding("utf8") as AsyncIterable<string>) text += piece;
  return text;
}

async function client(argv: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = run(["src/main.ts", ...argv], env);
  const [output, error, exit] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, "exit"),
  ]);
  const lines = output.split("\n").slice(0, -1);
  return { lines, error, code: (exit as [number | null])[0] };
}

function summaryOf(lines: readonly string[]): ClientSummary {
  return JSON.parse(lines.at(-1) ?? "nothing") as ClientSummary;
}

// The demo's own server, as a program: the client's package does not depend on it.
beforeAll(async () => {
  server = run(["../demo-http-server/src/main.ts", "--ipv6"]);
  for await (const line of createInterface({ input: server.stdout })) {
    urls.push(line.replace("listening on ", ""));
    if (urls.length === 2) break;
  }
});

afterAll(async () => {
  const exit = once(server, "exit");
  server.kill("SIGTERM");
  await exit;
});

test("asks the demo's server over both families, and every answer is right", async () => {
  const both = urls.flatMap((url) => ["--url", url]);
  const { lines, error, code } = await client([...both, "--rate", "200", "--requests", "20"]);
  expect(error).toBe("");
  expect(code).toBe(0);
  expect(lines).toHaveLength(21);
  expect(lines[0]).toMatch(/^GET {2}\/ +200 +27 bytes +\d+\.\d ms {2}http:\/\/127\.0\.0\.1:\d+$/);
  expect(lines[4]).toMatch(/^GET {2}\/large +200 +1048576 bytes/);
  expect(lines.slice(0, 20).filter((line) => line.includes("http://[::1]:"))).toHaveLength(10);
  expect(summaryOf(lines)).toEqual({
    requests: 20,
    byPath: { "/": 4, "/api/items": 4, "/api/echo": 4, "/chunked": 4, "/large": 4 },
    failed: 0,
  });
});

test("is configured by variables, and a new connection for each request works too", async () => {
  const { lines, code } = await client([], {
    DEMO_URL: urls.join(","),
    DEMO_RATE: "100",
    DEMO_DURATION: "300ms",
    DEMO_KEEP_ALIVE: "0",
  });
  expect(code).toBe(0);
  expect(summaryOf(lines).requests).toBeGreaterThanOrEqual(2);
  expect(summaryOf(lines).requests).toBe(lines.length - 1);
});

test("ends with 1 when answers are wrong, and says which", async () => {
  const { lines, code } = await client(["--url", "http://127.0.0.1:9", "--requests", "2", "--wait", "200ms"]);
  expect(code).toBe(1);
  expect(lines[0]).toMatch(/^GET {2}\/ +--- .*FAILED: ECONNREFUSED$/);
  expect(summaryOf(lines)).toEqual({ requests: 2, byPath: { "/": 1, "/api/items": 1 }, failed: 2 });
});

test("ends with 2 and a message at wrong usage", async () => {
  const { error, code, lines } = await client(["--url", urls[0] ?? "", "--rate", "many"]);
  expect(code).toBe(2);
  expect(error).toContain('not "many"');
  expect(lines).toEqual([]);
});

test("SIGTERM ends it with a summary", async () => {
  const child = run(["src/main.ts", "--url", urls[0] ?? "", "--rate", "50"]);
  const exit = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (lines.length === 3) child.kill("SIGTERM");
  }
  expect(await exit).toEqual([0, null]);
  expect(summaryOf(lines)).toMatchObject({ requests: lines.length - 1, failed: 0 });
});

test("the README's example runs and prints what it says", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const code = /```ts\n([^]*?)```/.exec(readme)?.[1];
  const output = /```text\n([^]*?)```/.exec(readme)?.[1];
  if (code === undefined || output === undefined) throw new Error("the README has no example");
  const child = run(["--conditions=@tcptracker/source", "--input-type=module-typescript", "--eval", code], {
    DEMO_URL: urls[0],
  });
  const [printed, error] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
  expect(error).toBe("");
  expect(printed).toBe(output);
});
