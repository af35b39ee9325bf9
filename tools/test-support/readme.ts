/**
 * The code in a package's README, run as it stands: a test of each package that has this file in its vitest.config.ts, with
 * its own directory as README_PACKAGE.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

const { README_PACKAGE: PACKAGE } = process.env;
if (PACKAGE === undefined)
  throw new Error("README_PACKAGE is not set: name the package in its vitest.config.ts");
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
