import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-kubectl-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** What is found where there is a kubectl of this version, and an apt that fetches nothing. */
function found(minor: string): { readonly stdout: string; readonly stderr: string } {
  const version = JSON.stringify({ clientVersion: { major: "1", minor } });
  const commands = { kubectl: `echo '${version}'`, "apt-get": "echo no network >&2; exit 100" };
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(directory, name), 0o755);
  }
  const script = `console.log(await (await import(${JSON.stringify(join(import.meta.dirname, "kubectl.ts"))})).findKubectl())`;
  return spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    env: { PATH: directory, TCPTRACKER_CACHE: join(directory, "cache") },
  });
}

test.each(["22", "32+"])("this machine's 1.%s is new enough", (minor) => {
  expect(found(minor)).toMatchObject({ stdout: "kubectl\n", stderr: "" });
});

test("an older one is not, and where Debian's cannot be fetched it says what to install", () => {
  const { stdout, stderr } = found("21");
  expect(stdout).toBe("");
  expect(stderr).toMatch(/install kubectl 1\.22 or newer; Debian's cannot be fetched: [^]*no network/);
});
