import type { ContainerIdentity, PodIdentity } from "@tcptracker/events";
import type { Attribution } from "./attribution.ts";
import { BoundedMap } from "./bounded-map.ts";
import type { CgroupOwner } from "./cgroups/cgroup-path.ts";
import type { IdentitySource } from "./identity-source.ts";

/** Cgroups that are gone and still known: records of their processes may be on their way. */
const MOST_DEPARTED = 8_192;

/** A cgroup of a container. */
interface Entry {
  readonly cgroup: bigint;
  readonly owner: CgroupOwner;
  attribution: Attribution;
}

/** A cgroup that belongs to a container has appeared, turned out to be something else, or (undefined) vanished. */
export type AttributionListener = (cgroup: bigint, attribution: Attribution | undefined) => void;

/** Cgroup id to attribution, kept true as cgroups come and go and as sources learn. */
export class CgroupIndex {
  readonly #sources: readonly IdentitySource[];
  readonly #present = new Map<bigint, Entry>();
  readonly #departed: BoundedMap<bigint, Entry>;
  /** Of containers and pods that sources may learn more of. */
  readonly #byContainer = new Map<string, Set<Entry>>();
  readonly #byPod = new Map<string, Set<Entry>>();
  readonly #listeners = new Set<AttributionListener>();

  /** The first source that knows something wins. */
  constructor(sources: readonly IdentitySource[]) {
    this.#sources = sources;
    this.#departed = new BoundedMap(MOST_DEPARTED, (entry) => {
      this.#unlink(entry);
    });
  }

  /** Of a cgroup that belongs or belonged to a container. */
  get(cgroup: bigint): Attribution | undefined {
    return (this.#present.get(cgroup) ?? this.#departed.get(cgroup))?.attribution;
  }

  /** Containers with a cgroup. */
  get containers(): number {
    return new Set(Array.from(this.#present.values(), ({ owner }) => owner.containerId)).size;
  }

  appear(cgroup: bigint, owner: CgroupOwner): void {
    const entry: Entry = { cgroup, owner, attribution: this.attribute(owner) };
    this.#present.set(cgroup, entry);
    link(this.#byContainer, owner.containerId, entry);
    if (owner.podUid !== undefined) link(this.#byPod, owner.podUid, entry);
    this.#tell(cgroup, entry.attribution);
  }

  vanish(cgroup: bigint): void {
    const entry = this.#present.get(cgroup);
    if (entry === undefined) return;
    this.#present.delete(cgroup);
    this.#departed.set(cgroup, entry);
    this.#tell(cgroup, undefined);
  }

  /** A source knows more, or something else, of a container. */
  refreshContainer(id: string): void {
    this.#refresh(this.#byContainer.get(id));
  }

  /** The same of a pod. */
  refreshPod(uid: string): void {
    this.#refresh(this.#byPod.get(uid));
  }

  /** Calls the listener for every cgroup of a container that there is, and from then on. Returns how to stop it. */
  listen(listener: AttributionListener): () => void {
    for (const { cgroup, attribution } of this.#present.values()) listener(cgroup, attribution);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** What the sources make of what the path says. */
  attribute({ containerId, runtime, podUid }: CgroupOwner): Attribution {
    const facts = this.#sources.map((source) => source.container(containerId) ?? {});
    const name = facts.find((of) => of.name !== undefined)?.name;
    const image = facts.find((of) => of.image !== undefined)?.image;
    const ran = runtime ?? facts.find((of) => of.runtime !== undefined)?.runtime;
    const container: ContainerIdentity = {
      id: containerId,
      ...(name === undefined ? {} : { name }),
      ...(image === undefined ? {} : { image }),
      ...(ran === undefined ? {} : { runtime: ran }),
    };
    const pod = this.#podOf(podUid) ?? facts.find((of) => of.pod !== undefined)?.pod;
    return pod === undefined ? { container } : { container, pod };
  }

  #podOf(uid: string | undefined): PodIdentity | undefined {
    if (uid === undefined) return undefined;
    return this.#sources.map((source) => source.pod(uid)).find((pod) => pod !== undefined);
  }

  #refresh(entries: Iterable<Entry> = []): void {
    for (const entry of entries) {
      const attribution = this.attribute(entry.owner);
      if (!this.#present.has(entry.cgroup)) {
        // What was known of somebody who is gone stays true, also when its source has forgotten.
        entry.attribution = { ...entry.attribution, ...attribution };
        continue;
      }
      entry.attribution = attribution;
      this.#tell(entry.cgroup, attribution);
    }
  }

  #tell(cgroup: bigint, attribution: Attribution | undefined): void {
    for (const listener of this.#listeners) listener(cgroup, attribution);
  }

  #unlink(entry: Entry): void {
    unlink(this.#byContainer, entry.owner.containerId, entry);
    if (entry.owner.podUid !== undefined) unlink(this.#byPod, entry.owner.podUid, entry);
  }
}

function link(map: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const entries = map.get(key);
  if (entries === undefined) map.set(key, new Set([entry]));
  else entries.add(entry);
}

function unlink(map: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const entries = map.get(key);
  if (entries === undefined) return;
  entries.delete(entry);
  if (entries.size === 0) map.delete(key);
}
