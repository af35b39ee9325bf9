import type { Containers } from "@tcptracker/containers";
import type { DynamicSet } from "@tcptracker/filter";

/** Keeps the sets of a filter in the kernel equal to the cgroups that belong into them. */
export class FollowedSets implements Disposable {
  readonly #setMembers: (set: string, cgroups: Iterable<bigint>) => void;
  readonly #stops: readonly (() => void)[];
  readonly #changed = new Map<string, ReadonlySet<bigint>>();
  #following = false;
  #warned = false;

  /** The sets have their members when it returns. `setMembers` may throw for one that is too large. */
  constructor(
    sets: readonly DynamicSet[],
    containers: Pick<Containers, "follow">,
    setMembers: (set: string, cgroups: Iterable<bigint>) => void,
  ) {
    this.#setMembers = setMembers;
    this.#stops = sets.map((set) => this.#follow(set, containers));
    this.#update();
    this.#following = true;
  }

  [Symbol.dispose](): void {
    this.#following = false;
    this.#changed.clear();
    for (const stop of this.#stops) stop();
  }

  #follow(set: DynamicSet, containers: Pick<Containers, "follow">): () => void {
    const members = new Set<bigint>();
    return containers.follow(set, {
      add: (cgroup) => {
        members.add(cgroup);
        this.#onChange(set.id, members);
      },
      delete: (cgroup) => {
        members.delete(cgroup);
        this.#onChange(set.id, members);
      },
    });
  }

  /** Many cgroups may change at once: the kernel is told when all of them have. */
  #onChange(set: string, members: ReadonlySet<bigint>): void {
    const isFirst = this.#changed.size === 0;
    this.#changed.set(set, members);
    if (this.#following && isFirst)
      queueMicrotask(() => {
        this.#update();
      });
  }

  #update(): void {
    for (const [set, members] of this.#changed) {
      try {
        this.#setMembers(set, members);
      } catch (error) {
        if (!this.#warned) process.emitWarning(error instanceof Error ? error : String(error));
        this.#warned = true;
      }
    }
    this.#changed.clear();
  }
}
