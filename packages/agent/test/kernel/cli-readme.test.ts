import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fromJson, toJson } from "@tcptracker/events";
import { expect, test } from "vitest";
import { EXIT } from "../../src/cli/exit-codes.ts";
import { collectHelpText } from "../../src/cli/collect-options.ts";
import { doctorHelpText } from "../../src/cli/doctor-command.ts";
import { explainHelpText } from "../../src/cli/explain-command.ts";
import { tapHelpText } from "../../src/cli/help.ts";
import { Agent } from "./support/agent.ts";
import { whileRequesting, startServer } from "./support/http.ts";
import { within } from "./support/until.ts";

const root = join(import.meta.dirname, "../..");
const readme = await readFile(join(root, "README.md"), "utf8");

function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code = ""]) => code);
}

/** Runs a code block as a module of this package, while there is traffic. */
async function runBlock(code: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  await using server = await startServer();
  const args = ["--conditions=@tcptracker/source", "--input-type=module-typescript", "--eval", code];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const ended = Promise.all([closed, text(child.stdout), text(child.stderr)]);
  try {
    const [[status], stdout, stderr] = await whileRequesting(server.port, () =>
      within("the code ends", ended),
    );
    return { status, stdout: stdout.replaceAll(String(server.port), "PORT"), stderr };
  } finally {
    child.kill("SIGKILL");
  }
}

/** What each block prints, as often as there is traffic. */
const PRINTS = [
  /^works: (?:fexit|kprobe|tracepoint) \((?:typed|raw) programs, (?:ringbuf|perfbuf)\), \d+ blind spots$/m,
  /^\S.* received \d+ bytes from port PORT$/m,
  /^data \w+ to port PORT\n(?:data \w+ to port \d+\n|data \w+ to port PORT\n)*the kernel decides: true$/m,
  /^[0-9a-f]{16} egress \d+$/m,
  /^\{"type":"data",.*"remote":\{"address":"127\.0\.0\.1","port":PORT\}.*"direction":"egress"/m,
];

test("every code block has an expectation", () => {
  expect(blocks("ts")).toHaveLength(PRINTS.length);
});

test.each(blocks("ts").map((code, index) => [index, code] as const))(
  "code block %d runs",
  async (index, code) => {
    const { status, stdout, stderr } = await runBlock(code);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(PRINTS[index] ?? /^$/);
  },
);

test("the JSON lines are records", () => {
  const lines = [...readme.matchAll(/^\{.*"type".*$/gm)].map(([line]) => line);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.map((line) => toJson(fromJson(line)))).toEqual(lines);
});

test("the options are those of the command", () => {
  expect(blocks("text")).toContain(tapHelpText());
  expect(blocks("text")).toContain(doctorHelpText());
  expect(blocks("text")).toContain(explainHelpText());
  expect(blocks("text")).toContain(collectHelpText());
});

test("what explain prints has these lines", async () => {
  const shown = blocks("text").find((block) => block.startsWith("filter: ")) ?? "";
  const [, expression = ""] = /^filter: (.*)$/m.exec(shown) ?? [];
  await using agent = new Agent(["explain", expression]);
  const { stdout } = await agent.ended();
  const steady = (text: string): string[] =>
    text.split("\n").filter((line) => line !== "  …" && !/^ +\d+ ns for the first call/.test(line));
  expect(stdout.split("\n")).toEqual(expect.arrayContaining(steady(shown)));
});

test("what doctor prints has these parts, in this form", async () => {
  const shown = blocks("text").find((block) => block.startsWith("Kernel\n")) ?? "";
  await using agent = new Agent(["doctor", "--quick"]);
  const { stdout } = await agent.ended(120);
  const headings = (text: string): string[] => text.split("\n").filter((line) => /^\S/.test(line));
  expect(headings(shown)).toEqual(headings(stdout));
  const ways = (text: string): string[] =>
    [...text.matchAll(/^ {2}\S+ +((?:fexit|kprobe|tracepoint) +(?:typed|raw) +\w+) /gm)].map(
      ([, way = ""]) => way,
    );
  expect(ways(shown)).toHaveLength(8);
  expect(ways(shown)).toEqual(ways(stdout));
});

test("the exit codes are those of the command", () => {
  const listed = [...readme.matchAll(/^\| (\d) +\|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(EXIT));
});
