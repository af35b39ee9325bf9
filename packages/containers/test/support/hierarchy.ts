/** Directories that look like a cgroup hierarchy: inodes are ids there, too. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export class FakeHierarchy {
  readonly root: string;
  readonly #proc: string;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), "containers-"));
    onTestFinished(() => {
      rmSync(directory, { recursive: true, force: true });
    });
    this.root = join(directory, "cgroup");
    this.#proc = join(directory, "proc");
    mkdirSync(this.root);
    writeFileSync(join(this.root, "cgroup.controllers"), "");
    this.setProcess("self", "0::/\n");
  }

  get proc(): string {
    return this.#proc;
  }

  /** Makes a cgroup; returns its id. */
  add(path: string): bigint {
    const directory = join(this.root, path);
    mkdirSync(directory, { recursive: true });
    return statSync(directory, { bigint: true }).ino;
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  setProcess(pid: number | "self", cgroups: string): void {
    mkdirSync(join(this.#proc, String(pid)), { recursive: true });
    writeFileSync(join(this.#proc, String(pid), "cgroup"), cgroups);
  }
}
