import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const PACKAGE = join(import.meta.dirname, "..");

test("the README's code prints what the README says", () => {
  const readme = readFileSync(join(PACKAGE, "README.md"), "utf8");
  const code = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1] ?? "";
  const printed = /^prints `(.*)`\.$/m.exec(readme)?.[1];
  const args = ["--conditions=@tcptracker/source", "--input-type=module-typescript", "--eval", code];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: PACKAGE, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(stdout.trimEnd()).toBe(printed);
});
