import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const SETUP = join(import.meta.dirname, "setup.mjs");

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-setup-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Runs the setup where only these commands are on the path (besides what lies in /sbin and /usr/sbin). */
function setup(commands: Readonly<Record<string, string>>): { status: number | null; output: string } {
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  const env = { PATH: directory };
  const { status, stdout, stderr } = spawnSync(process.execPath, [SETUP], { encoding: "utf8", env });
  return { status, output: stdout + stderr };
}

describe("where packages are missing", () => {
  test("without apt-get it names them, installs nothing and fails", () => {
    const { status, output } = setup({});
    expect(status).toBe(1);
    expect(output).toContain("clang-19 (compiles the eBPF programs)");
    expect(output).toContain("there is no apt-get here");
    expect(output).not.toContain("npm ci");
  });

  test("a package manager that fails ends it with the command that failed", () => {
    const { status, output } = setup({ "apt-get": "exit 100" });
    expect(status).toBe(1);
    if (process.getuid?.() === 0) expect(output).toContain("'apt-get update -qq' failed with exit code 100");
    else expect(output).toContain("sudo apt-get install --no-install-recommends clang-19");
  });

  test("packages that an installation did not bring are named", () => {
    const { status, output } = setup({ "apt-get": "exit 0" });
    expect(status).toBe(1);
    expect(output).toContain(process.getuid?.() === 0 ? "these are still not found" : "needs root");
    expect(output).toContain("clang-19");
  });
});

test("where everything is there it says nothing and does nothing", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SETUP], { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
});
