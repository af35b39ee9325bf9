import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

type Child = ChildProcessByStdio<null, Readable, Readable>;

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs the command from its source: Node takes the types away itself. */
function run(...argv: string[]): Child {
  return spawn(process.execPath, [main, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const piece of stream.setEncoding("utf8") as AsyncIterable<string>) text += piece;
  return text;
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "prints where it listens, ends at %s with a count",
  async (signal) => {
    const child = run("--ipv6");
    const exit = once(child, "exit");
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (lines.length === 2) {
        for (const listening of lines) {
          const url = listening.replace("listening on ", "");
          await (await fetch(url)).text();
        }
        child.kill(signal);
      }
    }
    expect(lines[0]).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/);
    expect(lines[1]).toMatch(/^listening on http:\/\/\[::1\]:\d+$/);
    expect(lines.slice(2)).toEqual(["served 2 requests"]);
    expect(await exit).toEqual([0, null]);
  },
);

test("ends with 2 and a message at wrong usage", async () => {
  const child = run("--port", "none");
  const [error, exit] = await Promise.all([textOf(child.stderr), once(child, "exit")]);
  expect(exit[0]).toBe(2);
  expect(error).toContain('not "none"');
});

test("ends with 1 and a message when it cannot listen", async () => {
  // TEST-NET-1: no machine has this address.
  const child = run("--host", "192.0.2.77");
  const [error, exit] = await Promise.all([textOf(child.stderr), once(child, "exit")]);
  expect(exit[0]).toBe(1);
  expect(error).toContain("EADDRNOTAVAIL");
});

test("the README's example runs and prints what it says", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const code = /```ts\n([^]*?)```/.exec(readme)?.[1];
  const output = /```text\n([^]*?)```/.exec(readme)?.[1];
  if (code === undefined || output === undefined) throw new Error("the README has no example");
  const child = spawn(
    process.execPath,
    ["--conditions=@tcptracker/source", "--input-type=module-typescript", "--eval", code],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  const [printed, exit] = await Promise.all([textOf(child.stdout), once(child, "exit")]);
  expect(exit[0]).toBe(0);
  expect(printed).toBe(output);
});
