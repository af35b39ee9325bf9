/** What is read of a pod as the Kubernetes API has it. */
import type { ContainerRuntime, PodIdentity, PodOwner } from "@tcptracker/events";
import type { ContainerFacts } from "../identity-source.ts";
import { listAt, member, textAt, textsAt } from "../untyped.ts";
import { readMetadata } from "./metadata.ts";

/** A pod, and the containers in it that have an id. */
export interface ToldPod {
  /** As it is in cgroup paths; that of a static pod is not `identity.uid`. */
  readonly cgroupUid: string;
  readonly identity: PodIdentity;
  readonly containers: ReadonlyMap<string, ContainerFacts>;
}

/** As container ids begin. */
const RUNTIMES: Readonly<Record<string, ContainerRuntime>> = {
  docker: "docker",
  containerd: "containerd",
  "cri-o": "cri-o",
};

const STATUSES = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];

/** Undefined for what is no pod. */
export function readPod(json: unknown): ToldPod | undefined {
  const named = readMetadata(json);
  if (named === undefined) return undefined;
  const { uid } = named;
  const metadata = member(json, "metadata");
  const labels = textsAt(metadata, "labels");
  const owner = ownerOf(metadata, labels);
  const identity: PodIdentity = {
    ...named,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(owner === undefined ? {} : { owner }),
  };
  // The API's copy of a static pod has a uid of its own; the kubelet goes by the hash of what it was made from.
  const cgroupUid = textsAt(metadata, "annotations")["kubernetes.io/config.hash"] ?? uid;
  return { cgroupUid, identity, containers: containersOf(member(json, "status"), identity) };
}

function containersOf(status: unknown, pod: PodIdentity): ReadonlyMap<string, ContainerFacts> {
  const containers = new Map<string, ContainerFacts>();
  for (const container of STATUSES.flatMap((list) => listAt(status, list))) {
    // Such as containerd://<id>; absent until it has been made.
    const [, scheme = "", id] =
      /^([a-z-]+):\/\/([0-9a-f]{64})$/.exec(textAt(container, "containerID") ?? "") ?? [];
    if (id === undefined) continue;
    const [name, image] = [textAt(container, "name"), textAt(container, "image")];
    const runtime = Object.hasOwn(RUNTIMES, scheme) ? RUNTIMES[scheme] : undefined;
    containers.set(id, {
      ...(name === undefined ? {} : { name }),
      ...(image === undefined ? {} : { image }),
      ...(runtime === undefined ? {} : { runtime }),
      pod,
    });
  }
  return containers;
}

/** The controller. A ReplicaSet that a Deployment has made stands for the Deployment. */
function ownerOf(metadata: unknown, labels: Readonly<Record<string, string>>): PodOwner | undefined {
  const owner = listAt(metadata, "ownerReferences").find(
    (reference) => member(reference, "controller") === true,
  );
  const [kind, name] = [textAt(owner, "kind"), textAt(owner, "name")];
  if (kind === undefined || name === undefined) return undefined;
  const suffix = `-${labels["pod-template-hash"] ?? ""}`;
  if (kind === "ReplicaSet" && suffix !== "-" && name.endsWith(suffix) && name !== suffix)
    return { kind: "Deployment", name: name.slice(0, -suffix.length) };
  return { kind, name };
}
