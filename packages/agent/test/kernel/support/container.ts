import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

/** A cgroup with the name that a runtime gives to one, in a directory of its own of the real hierarchy. Nothing else of a container. */
export class ContainerCgroup implements AsyncDisposable {
  /** Where it is, or will be. */
  readonly path: string;
  /** From the outermost on. */
  readonly #directories: string[];

  /** `path` is such as `docker/<id>`. */
  constructor(path: string) {
    const hierarchy = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((root) =>
      existsSync(join(root, "cgroup.controllers")),
    );
    if (hierarchy === undefined) throw new Error("there is no cgroup version 2 hierarchy to test with");
    const parent = mkdtempSync(join(hierarchy, "tcptracker-test-"));
    const names = path.split("/");
    this.#directories = names.map((_, depth) => join(parent, ...names.slice(0, depth + 1)));
    this.path = join(parent, path);
    this.#directories.unshift(parent);
  }

  make(): void {
    mkdirSync(this.path, { recursive: true });
  }

  /** Asks for a page from a process that is in the cgroup before it connects, and waits for its end. */
  async request(port: number, path: string): Promise<void> {
    const script = `echo $$ > "$0/cgroup.procs" && exec 3<>/dev/tcp/127.0.0.1/${port} &&
      printf 'GET ${path} HTTP/1.1\\r\\nhost: localhost\\r\\nconnection: close\\r\\n\\r\\n' >&3 && cat <&3 >/dev/null`;
    const child = spawn("bash", ["-c", script, this.path], { stdio: "inherit" });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) throw new Error(`the request from ${this.path} ended with ${code}`);
  }

  /** As when the container has ended. */
  async remove(): Promise<void> {
    await until("the cgroup can be removed", () => {
      try {
        for (const directory of this.#directories.toReversed())
          if (existsSync(directory)) rmdirSync(directory);
      } catch (error) {
        // A process that has just ended may still count.
        if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
        return false;
      }
      return true;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }
}
