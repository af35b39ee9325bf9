import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { ContainersError } from "../errors.ts";

/** Where the host's cgroup version 2 hierarchy can be read. */
export interface Hierarchy {
  /** A mounted directory. */
  readonly path: string;
  /** Whether it is the host's whole hierarchy; what a cgroup namespace shows is a part of it. */
  readonly isWhole: boolean;
}

/** `unified` is for hosts that have both versions. The first two are where a container has the host's mounted. */
const CANDIDATES: readonly string[] = [
  "/host/sys/fs/cgroup",
  "/host/sys/fs/cgroup/unified",
  "/sys/fs/cgroup",
  "/sys/fs/cgroup/unified",
];

/**
 * Finds the version 2 hierarchy: of the directories, or of their subdirectory `unified`, the first that is whole, else the
 * first that is one.
 *
 * @throws {@link ContainersError} ERR_CONTAINERS_HIERARCHY when there is none
 */
export function findHierarchy(root?: string): Hierarchy {
  const candidates = root === undefined ? CANDIDATES : [root, join(root, "unified")];
  const found = candidates.filter((path) => existsSync(join(path, "cgroup.controllers")));
  // Every cgroup has a type but the root.
  const whole = found.find((path) => !existsSync(join(path, "cgroup.type")));
  const path = whole ?? found[0];
  if (path !== undefined) return { path, isWhole: whole !== undefined };
  throw new ContainersError(
    "ERR_CONTAINERS_HIERARCHY",
    `no cgroup version 2 hierarchy at ${candidates.join(" or ")}; mount the host's /sys/fs/cgroup and name it`,
  );
}

/** Whether processes are (also) in version 1 hierarchies, so that their version 2 cgroup may be the root. */
export function hasLegacyHierarchies(proc: string): boolean {
  try {
    return readFileSync(join(proc, "self/cgroup"), "utf8")
      .split("\n")
      .some((line) => line !== "" && !line.startsWith("0::"));
  } catch {
    return false;
  }
}

/** The kernel has given it this number since there are namespaces. */
const INITIAL_PID_NAMESPACE = "pid:[4026531836]";

/** Whether process ids of this procfs are those of the kernel; also where it does not say. */
export function hasInitialProcessIds(proc: string): boolean {
  try {
    return readlinkSync(join(proc, "self/ns/pid")) === INITIAL_PID_NAMESPACE;
  } catch {
    return true;
  }
}
