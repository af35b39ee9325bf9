// `npm test`: everything that can be tested on this machine. Root-only suites say why they are left out.
import { spawnSync } from "node:child_process";

function run(command: string, ...args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

run("nx", "run-many", "-t", "build", "compile", "bundle", "--output-style=stream");
run("nx", "run-many", "-t", "test", "--output-style=stream");
run("vitest", "run", "--root", "tools");
if (process.getuid?.() === 0)
  run("nx", "run-many", "-t", "test-kernel", "--output-style=stream", "--parallel=1");
else console.log("test: the kernel tests need root and are left out; run 'sudo npm test' for all");
