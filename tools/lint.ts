// Lint through nx, so that the project graph exists and the module-boundary rule is awake; then proof that it is.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);

function nx(...args: readonly string[]): { status: number; output: string } {
  const { status, stdout, stderr, error } = spawnSync("nx", args, { cwd: root, encoding: "utf8" });
  if (error !== undefined) throw error;
  return { status: status ?? 1, output: stdout + stderr };
}

function fail(message: string, output: string): never {
  console.error(output);
  console.error(`lint: ${message}`);
  process.exit(1);
}

const lint = nx("run-many", "-t", "lint", "--output-style=stream");
if (lint.status !== 0) fail("there are findings", lint.output);
if (lint.output.includes("The rule will be skipped"))
  fail("the module-boundary rule was asleep", lint.output);

const tools = spawnSync("eslint", ["tools", "eslint.config.js"], { cwd: root, encoding: "utf8" });
if (tools.status !== 0) fail("there are findings in tools/", tools.stdout + tools.stderr);

// An import against the direction of the rooms must be refused, or the rule guards nothing.
const fixture = join(root, "packages/events/src/forbidden-import.fixture.ts");
writeFileSync(
  fixture,
  'import { BpfObject } from "@tcptracker/libbpf";\n\nexport const forbidden: unknown = BpfObject;\n',
);
try {
  const refused = nx("run", "@tcptracker/events:lint", "--skip-nx-cache");
  if (refused.status === 0 || !refused.output.includes("@nx/enforce-module-boundaries"))
    fail("an import from events to libbpf was not refused by @nx/enforce-module-boundaries", refused.output);
} finally {
  rmSync(fixture);
}
console.log("lint: no findings; a forbidden import is refused");
