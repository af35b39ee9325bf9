/** The README's code, run as it stands. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

const PACKAGE = path.resolve(import.meta.dirname, "..");
// Inside the package, where its own name resolves to it.
const WORK = path.join(PACKAGE, "dist", "readme");

const readme = readFileSync(path.join(PACKAGE, "README.md"), "utf8");
const blocks = Array.from(readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = ""], index) => ({
  code,
  number: index + 1,
}));

afterAll(() => {
  rmSync(WORK, { recursive: true, force: true });
});

test("there is code to run", () => {
  expect(blocks.length).toBeGreaterThan(0);
});

test.each(blocks)("block $number runs", ({ code, number }) => {
  mkdirSync(WORK, { recursive: true });
  const file = path.join(WORK, `block-${number}.ts`);
  writeFileSync(file, code);
  const { status, stderr } = spawnSync(process.execPath, ["--conditions=@tcptracker/source", file], {
    cwd: PACKAGE,
    encoding: "utf8",
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
