/**
 * The secrets that docs/kubernetes.md tells to make, by its own commands.
 *
 *   node secrets.ts    prints them as JSON: files by name, by name of the secret
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findKubectl } from "./kubectl.ts";
import type { Manifest } from "./render.ts";

interface Secret extends Manifest {
  /** Base64. */
  readonly data: Readonly<Record<string, string>>;
}

/** Files by name. */
export type Files = Readonly<Record<string, string>>;

/** @throws with what a command says that fails */
export async function makeSecrets(): Promise<Readonly<Record<string, Files>>> {
  const page = readFileSync(join(import.meta.dirname, "../../docs/kubernetes.md"), "utf8");
  const [, commands = ""] = /```sh\n(\s*openssl [^]*?)```/.exec(page) ?? [];
  // kubectl says what it would create, and asks no cluster.
  const script = `set -eu\nkubectl() { command "$KUBECTL" "$@" --dry-run=client --output=json; }\n${commands}`;
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-secrets-"));
  try {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script], {
      cwd: directory,
      encoding: "utf8",
      env: { ...process.env, KUBECTL: await findKubectl(), KUBECONFIG: join(directory, "none") },
    });
    if (status !== 0) throw new Error(`the commands of docs/kubernetes.md failed:\n${stderr}`);
    const objects = stdout
      .split(/(?<=^\})\n/m)
      .filter(Boolean)
      .map((text) => JSON.parse(text) as Secret);
    return Object.fromEntries(
      objects
        .filter(({ kind }) => kind === "Secret")
        .map(({ metadata, data }) => [metadata.name, decode(data)]),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function decode(data: Files): Files {
  return Object.fromEntries(
    Object.entries(data).map(([name, text]) => [name, Buffer.from(text, "base64").toString()]),
  );
}

if (import.meta.main) console.log(JSON.stringify(await makeSecrets()));
