import type { ContainerIdentity, PodIdentity } from "@tcptracker/events";

/** Whose a cgroup is, as far as it is known. Never changed: what is learned later makes a new one. */
export interface Attribution {
  /** Absent outside of containers. */
  readonly container?: ContainerIdentity;
  /** Absent outside of pods, and while nobody has told the pod's name. */
  readonly pod?: PodIdentity;
}

/** Outside of containers. */
export const UNATTRIBUTED: Attribution = Object.freeze({});

/** What there is to select cgroups by, as `compile()` of @tcptracker/filter takes it for `sets`. */
export const ATTRIBUTES: readonly { readonly name: string; readonly keyed?: boolean }[] = [
  { name: "container.id" },
  { name: "container.name" },
  { name: "container.image" },
  { name: "container.runtime" },
  { name: "pod.name" },
  { name: "pod.namespace" },
  { name: "pod.uid" },
  { name: "pod.labels", keyed: true },
  { name: "pod.owner.kind" },
  { name: "pod.owner.name" },
];

/**
 * The value of one of {@link ATTRIBUTES}; undefined where there is none.
 *
 * @param key - of `pod.labels`
 */
export function attributeOf({ container, pod }: Attribution, name: string, key?: string): string | undefined {
  switch (name) {
    case "container.id":
      return container?.id;
    case "container.name":
      return container?.name;
    case "container.image":
      return container?.image;
    case "container.runtime":
      return container?.runtime;
    case "pod.name":
      return pod?.name;
    case "pod.namespace":
      return pod?.namespace;
    case "pod.uid":
      return pod?.uid;
    case "pod.labels":
      return labelOf(pod, key);
    case "pod.owner.kind":
      return pod?.owner?.kind;
    case "pod.owner.name":
      return pod?.owner?.name;
    default:
      return undefined;
  }
}

function labelOf(pod: PodIdentity | undefined, key: string | undefined): string | undefined {
  const labels = pod?.labels;
  if (labels === undefined || key === undefined || !Object.hasOwn(labels, key)) return undefined;
  return labels[key];
}
