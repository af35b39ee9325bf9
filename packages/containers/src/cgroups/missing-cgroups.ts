import { BoundedMap } from "../bounded-map.ts";
import type { CgroupTree } from "./cgroup-tree.ts";
import { readProcessCgroups } from "./process-cgroups.ts";

/** Looking at the whole tree takes at most one part in so many of the time. */
const RESCAN_SHARE = 20;

/** How long at least between two looks at the whole tree, and at one cgroup, in milliseconds. */
const PAUSE = 50;

/** How often a cgroup is looked for before it counts as unresolved. */
const MOST_LOOKS = 3;

/** Cgroups remembered. */
const MOST_MISSING = 8_192;

interface Missing {
  readonly looks: number;
  /** Milliseconds of the process's clock. */
  readonly next: number;
}

/** Looks for cgroups that a record names and the tree does not have: its notification may not have been handled yet. */
export class MissingCgroups {
  readonly #tree: CgroupTree;
  readonly #proc: string;
  readonly #isKnown: (cgroup: bigint) => boolean;
  readonly #missing = new BoundedMap<bigint, Missing>(MOST_MISSING);
  #nextRescan = 0;
  #unresolved = 0;

  /** `isKnown`: whether the tree has told of a cgroup. */
  constructor(tree: CgroupTree, proc: string, isKnown: (cgroup: bigint) => boolean) {
    this.#tree = tree;
    this.#proc = proc;
    this.#isKnown = isKnown;
  }

  /** Cgroups that were given up. */
  get unresolved(): number {
    return this.#unresolved;
  }

  /** Has the tree looked at again, if it is time to; what it finds, it tells its listener. */
  look(cgroup: bigint, pid: number | undefined): void {
    const missing = this.#missing.get(cgroup);
    const now = performance.now();
    if (missing !== undefined && (missing.looks >= MOST_LOOKS || now < missing.next)) return;
    const looks = (missing?.looks ?? 0) + 1;
    this.#missing.set(cgroup, { looks, next: now + PAUSE });
    this.#lookAtProcess(pid);
    if (!this.#isKnown(cgroup) && now >= this.#nextRescan) {
      this.#tree.rescan();
      const end = performance.now();
      this.#nextRescan = end + Math.max(PAUSE, (end - now) * RESCAN_SHARE);
    }
    if (this.#isKnown(cgroup)) this.#missing.delete(cgroup);
    else if (looks === MOST_LOOKS) this.#unresolved++;
  }

  /** Where the process says that it is; what is there is known by its own id, so a wrong process does no harm. */
  #lookAtProcess(pid: number | undefined): void {
    if (pid === undefined) return;
    const path = readProcessCgroups(this.#proc, pid)?.unified;
    if (path !== undefined) this.#tree.look(path);
  }
}
