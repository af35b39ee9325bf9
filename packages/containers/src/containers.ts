import { UNATTRIBUTED, type Attribution } from "./attribution.ts";
import { BoundedMap } from "./bounded-map.ts";
import { CgroupIndex, type AttributionListener } from "./cgroup-index.ts";
import { parseCgroupPath, type CgroupOwner } from "./cgroups/cgroup-path.ts";
import { CgroupTree } from "./cgroups/cgroup-tree.ts";
import {
  findHierarchy,
  hasInitialProcessIds,
  hasLegacyHierarchies,
  type Hierarchy,
} from "./cgroups/hierarchy.ts";
import { MissingCgroups } from "./cgroups/missing-cgroups.ts";
import { ProcessContainers } from "./cgroups/process-containers.ts";
import { ContainersError } from "./errors.ts";
import { follower, type AttributeSet, type CgroupTarget } from "./follow.ts";
import type { IdentitySource } from "./identity-source.ts";
import { START_PATIENCE, within } from "./patience.ts";

/** Cgroups outside of containers that are remembered as such. */
const MOST_OUTSIDE = 32_768;

/** How to look. */
export interface ContainersOptions {
  /** Where the host's cgroup hierarchy is mounted. Default: looked for at /host/sys/fs/cgroup and /sys/fs/cgroup. */
  readonly cgroupRoot?: string;
  /** Where procfs is mounted. Default /proc. In another pid namespace than the host's it helps less. */
  readonly procRoot?: string;
  /** Who knows more than ids. Of two that know something, the first wins. Default: nobody. */
  readonly sources?: readonly IdentitySource[];
  /** Milliseconds from a container's first sight that {@link Containers.waiting} may take. Default 100. */
  readonly patience?: number;
  /** Told of what will be missing from attributions, once for each cause. */
  readonly onProblem?: (problem: ContainersError) => void;
}

/** What is being looked at. */
export interface ContainersStatus {
  readonly hierarchy: Hierarchy;
  readonly cgroups: number;
  readonly containers: number;
  /** Cgroups of records that nobody has seen in the hierarchy: gone too soon, or outside of a namespace. */
  readonly unresolved: number;
  readonly sources: readonly { readonly name: string; readonly connected: boolean }[];
}

/** Tells which container, and which pod, a cgroup is; from the moment on when it appears, and after it is gone. */
export class Containers implements Disposable {
  readonly #hierarchy: Hierarchy;
  readonly #sources: readonly IdentitySource[];
  readonly #patience: number;
  readonly #index: CgroupIndex;
  readonly #outside = new BoundedMap<bigint, true>(MOST_OUTSIDE);
  readonly #waiting = new Map<bigint, Promise<void>>();
  readonly #tree: CgroupTree;
  readonly #missing: MissingCgroups;
  readonly #processes: ProcessContainers | undefined;
  readonly #onProblem: (problem: ContainersError) => void;
  #toldOutsideOfSets = false;
  #started = false;

  private constructor(options: ContainersOptions) {
    const { procRoot = "/proc", patience = 100, sources = [], onProblem = () => undefined } = options;
    this.#hierarchy = findHierarchy(options.cgroupRoot);
    this.#sources = sources;
    this.#patience = patience;
    this.#index = new CgroupIndex(sources);
    this.#tree = new CgroupTree(this.#hierarchy.path, {
      onAppear: (id, path) => {
        this.#onAppear(id, parseCgroupPath(path));
      },
      onVanish: (id) => {
        this.#index.vanish(id);
      },
      onProblem,
    });
    this.#missing = new MissingCgroups(this.#tree, procRoot, (cgroup) => this.#isKnown(cgroup));
    this.#onProblem = onProblem;
    if (!hasLegacyHierarchies(procRoot)) return;
    if (hasInitialProcessIds(procRoot))
      this.#processes = new ProcessContainers(procRoot, (owner) => {
        void this.#ask(owner);
        return this.#index.attribute(owner);
      });
    else
      onProblem(
        new ContainersError(
          "ERR_CONTAINERS_HIERARCHY",
          "containers that have version 1 cgroups only are not known: they are known by their processes, whose ids here are not the host's; share its pid namespace",
        ),
      );
  }

  /**
   * Looks at what there is and watches from then on. Resolves when the sources have told what they know, or do not answer.
   *
   * @throws {@link ContainersError} ERR_CONTAINERS_HIERARCHY where there is no cgroup version 2 hierarchy
   */
  static async start(options: ContainersOptions = {}): Promise<Containers> {
    const containers = new Containers(options);
    const onProblem = options.onProblem ?? (() => undefined);
    const starts = containers.#sources.map((source) =>
      source.start({
        onContainer: (id) => {
          containers.#index.refreshContainer(id);
        },
        onPod: (uid) => {
          containers.#index.refreshPod(uid);
        },
        onProblem,
      }),
    );
    await within(START_PATIENCE, Promise.all(starts));
    containers.#started = true;
    return containers;
  }

  /**
   * Whose a cgroup is. Empty for those outside of containers.
   *
   * @param cgroup - `cgroup.id` of a record
   * @param pid - of a process that is or was in it, in the host's pid namespace; it helps when the cgroup was not seen
   */
  of(cgroup: bigint, pid?: number): Attribution {
    if (!this.#isKnown(cgroup)) this.#missing.look(cgroup, pid);
    const known = this.#index.get(cgroup);
    if (known !== undefined) return known;
    // With version 1 the containers may all be in the root cgroup of version 2.
    if (pid === undefined || this.#processes === undefined) return UNATTRIBUTED;
    const found = this.#processes.of(pid);
    if (found.container !== undefined) this.#tellOutsideOfSets();
    return found;
  }

  #tellOutsideOfSets(): void {
    if (this.#toldOutsideOfSets) return;
    this.#toldOutsideOfSets = true;
    this.#onProblem(
      new ContainersError(
        "ERR_CONTAINERS_HIERARCHY",
        "there are containers with version 1 cgroups only: records name them, but a filter takes their processes for ones outside of containers and pods",
      ),
    );
  }

  /** Resolves when it is time to ask {@link of}; undefined if that is now, as it is but for a moment after a container's start. */
  waiting(cgroup: bigint): Promise<void> | undefined {
    return this.#waiting.get(cgroup);
  }

  /**
   * Calls the listener with every cgroup of a container that there is, then with those that appear, those of which something
   * else becomes known, and (without an attribution) those that vanish. Returns how to stop it.
   */
  listen(listener: AttributionListener): () => void {
    return this.#index.listen(listener);
  }

  /** Keeps the target equal to the cgroups of the set, from now on. Returns how to stop it. */
  follow(set: AttributeSet, target: CgroupTarget): () => void {
    return this.#index.listen(follower(set, target));
  }

  status(): ContainersStatus {
    return {
      hierarchy: this.#hierarchy,
      cgroups: this.#tree.size,
      containers: this.#index.containers,
      unresolved: this.#missing.unresolved,
      sources: this.#sources.map(({ name, isConnected }) => ({ name, connected: isConnected })),
    };
  }

  /** Stops watching and asking. What is known stays known. */
  close(): void {
    this.#tree.close();
    for (const source of this.#sources) source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #isKnown(cgroup: bigint): boolean {
    return this.#index.get(cgroup) !== undefined || this.#outside.get(cgroup) === true;
  }

  #onAppear(cgroup: bigint, owner: CgroupOwner | undefined): void {
    if (owner === undefined) {
      this.#outside.set(cgroup, true);
      return;
    }
    this.#index.appear(cgroup, owner);
    // At the start the sources tell of all there are.
    const asking = this.#started ? this.#ask(owner) : undefined;
    if (asking === undefined) return;
    const waiting = within(this.#patience, asking).then(() => {
      this.#waiting.delete(cgroup);
    });
    this.#waiting.set(cgroup, waiting);
  }

  #ask({ containerId: id, podUid }: CgroupOwner): Promise<unknown> | undefined {
    const answers = this.#sources
      .map((source) => source.ask({ id, podUid }))
      .filter((answer) => answer !== undefined);
    return answers.length === 0 ? undefined : Promise.all(answers);
  }
}
