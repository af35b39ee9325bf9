import { chmod, copyFile, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentOptions } from "./agent.ts";
import { run } from "./http.ts";

/** Nobody's on every distribution. */
export const NOBODY = 65534;

/** A copy of the command and of Node.js where every user can read them: a checkout may be in root's home. */
export class PublicCopy implements AsyncDisposable {
  readonly directory: string;
  readonly node: string;
  readonly command: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.node = join(directory, "node");
    this.command = join(directory, "bundle/tcptracker.js");
  }

  static async make(): Promise<PublicCopy> {
    const root = join(import.meta.dirname, "../../..");
    await run(process.execPath, [join(root, "bundle.ts")]);
    const directory = await mkdtemp(join(tmpdir(), "tcptracker-public-"));
    const copy = new PublicCopy(directory);
    await chmod(directory, 0o755);
    await copyFile(process.execPath, copy.node);
    await cp(join(root, "dist/bundle"), join(directory, "bundle"), { recursive: true });
    await run("chmod", ["-R", "a+rX", directory]);
    return copy;
  }

  /** As nobody, with these capabilities (`bpf`, `perfmon`, …) as ambient ones, and no way to get others. */
  as(capabilities: readonly string[], before: readonly string[] = []): AgentOptions {
    const list = ["-all", ...capabilities.map((name) => `+${name}`)].join(",");
    return this.#asNobody([
      `--inh-caps=${list}`,
      // The kernel drops them all with root's id; there is nothing to take away.
      ...(capabilities.length === 0 ? [] : [`--ambient-caps=${list}`]),
      `--bounding-set=${list}`,
      "--",
      ...before,
    ]);
  }

  /** As nobody, with what the file of Node.js has. */
  asFileSays(): AgentOptions {
    return this.#asNobody(["--inh-caps=-all", "--"]);
  }

  #asNobody(prefix: readonly string[]): AgentOptions {
    const identity = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    return {
      program: "setpriv",
      prefix: [...identity, ...prefix, this.node],
      command: this.command,
      spawn: { cwd: "/" },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
