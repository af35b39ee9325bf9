import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The cgroups of a process, as /proc/PID/cgroup has them. */
export interface ProcessCgroups {
  /** In the version 2 hierarchy. Absent if there is none, or it is outside of what the reader's cgroup namespace shows. */
  readonly unified?: string;
  /** In those of version 1. */
  readonly legacy: readonly string[];
}

/** Reads them; undefined if there is no such process (any more). `proc` is where procfs is mounted. */
export function readProcessCgroups(proc: string, pid: number): ProcessCgroups | undefined {
  let text: string;
  try {
    text = readFileSync(join(proc, String(pid), "cgroup"), "utf8");
  } catch {
    return undefined;
  }
  // hierarchy-ID:controller-list:path, and a path may contain colons.
  const lines = text.split("\n").map((line) => /^(\d+):[^:]*:(\/.*)$/.exec(line));
  const legacy: string[] = [];
  let unified: string | undefined;
  for (const [, hierarchy, path = ""] of lines.filter((line) => line !== null)) {
    if (hierarchy !== "0") legacy.push(path);
    else if (!path.split("/").includes("..")) unified = path.replace(/ \(deleted\)$/, "");
  }
  return unified === undefined ? { legacy } : { unified, legacy };
}
