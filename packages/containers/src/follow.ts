import { attributeOf } from "./attribution.ts";
import type { AttributionListener } from "./cgroup-index.ts";

/** Selects cgroups by an attribute. A `DynamicSet` of @tcptracker/filter is one. */
export interface AttributeSet {
  /** One of `ATTRIBUTES`, such as `container.name`. */
  readonly attribute: string;
  /** Of attributes with keys: `app` in `pod.labels["app"]`. */
  readonly key?: string | undefined;
  /** Whether cgroups with this value belong into the set. */
  accepts(value: string): boolean;
}

/** Kept equal to a set, such as a map of the kernel. */
export interface CgroupTarget {
  add(cgroup: bigint): void;
  delete(cgroup: bigint): void;
}

/** What makes a target follow a set: each cgroup is added once and deleted once. One without the attribute is never in it. */
export function follower(set: AttributeSet, target: CgroupTarget): AttributionListener {
  const members = new Set<bigint>();
  return (cgroup, attribution) => {
    const value = attribution === undefined ? undefined : attributeOf(attribution, set.attribute, set.key);
    const belongs = value !== undefined && set.accepts(value);
    if (belongs === members.has(cgroup)) return;
    if (belongs) {
      members.add(cgroup);
      target.add(cgroup);
    } else {
      members.delete(cgroup);
      target.delete(cgroup);
    }
  };
}
