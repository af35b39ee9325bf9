import type { Attribution } from "../attribution.ts";
import { UNATTRIBUTED } from "../attribution.ts";
import { BoundedMap } from "../bounded-map.ts";
import { parseCgroupPath, type CgroupOwner } from "./cgroup-path.ts";
import { readProcessCgroups } from "./process-cgroups.ts";

/** How long what is known of a process holds, in milliseconds: process ids are used again. */
const LIFETIME = 1_000;

/** Processes remembered. */
const MOST_PROCESSES = 4_096;

interface Known {
  readonly attribution: Attribution;
  readonly until: number;
}

/**
 * The containers of processes by their version 1 cgroups, for hosts where the runtime uses only those. A process that is
 * gone before its first record is handled is not attributed.
 */
export class ProcessContainers {
  readonly #proc: string;
  readonly #attribute: (owner: CgroupOwner) => Attribution;
  readonly #known = new BoundedMap<number, Known>(MOST_PROCESSES);

  constructor(proc: string, attribute: (owner: CgroupOwner) => Attribution) {
    this.#proc = proc;
    this.#attribute = attribute;
  }

  /** `pid` is one of the pid namespace that the procfs is of. */
  of(pid: number): Attribution {
    const now = performance.now();
    const known = this.#known.get(pid);
    if (known !== undefined && now < known.until) return known.attribution;
    const cgroups = readProcessCgroups(this.#proc, pid);
    // Of a process that is gone, what was known is still the best there is.
    if (cgroups === undefined && known !== undefined) return known.attribution;
    const owner = cgroups?.legacy.map(parseCgroupPath).find((found) => found !== undefined);
    const attribution = owner === undefined ? UNATTRIBUTED : this.#attribute(owner);
    this.#known.set(pid, { attribution, until: now + LIFETIME });
    return attribution;
  }
}
