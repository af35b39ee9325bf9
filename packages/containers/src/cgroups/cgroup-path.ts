/**
 * What the path of a cgroup says about a container: the names that runtimes and kubelets give to their directories, with
 * either cgroup driver. The same names are used in version 1, version 2 and hybrid hierarchies.
 */
import type { ContainerRuntime } from "@tcptracker/events";

/** What a path says. */
export interface CgroupOwner {
  /** 64 hexadecimal digits. */
  readonly containerId: string;
  /** Absent where the name does not tell, as with the cgroupfs driver below a pod. */
  readonly runtime?: ContainerRuntime;
  /** Of the Kubernetes pod, with dashes where the kubelet has them. */
  readonly podUid?: string;
}

/** `docker-<id>.scope`, `crio-<id>`, `<slice>:cri-containerd:<id>`, or the bare id. */
const CONTAINER = /^(?:(?:.*:)?([a-z][a-z-]*)[-:])?([0-9a-f]{64})(?:\.scope)?$/;

/** `pod<uid>`, `kubepods-burstable-pod<uid>.slice`, also with a prefix; the uid of a static pod is a hash. */
const POD =
  /(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?:$|:cri-)/;

const RUNTIME_OF_PREFIX: Readonly<Record<string, ContainerRuntime>> = {
  docker: "docker",
  "cri-containerd": "containerd",
  containerd: "containerd",
  nerdctl: "containerd",
  crio: "cri-o",
  libpod: "podman",
  // Below a systemd unit, with --cgroups=split.
  "libpod-payload": "podman",
};

/** The directories that hold bare ids: Docker's, and containerd's namespaces. */
const RUNTIME_OF_PARENT: Readonly<Record<string, ContainerRuntime>> = {
  docker: "docker",
  moby: "docker",
  default: "containerd",
  "k8s.io": "containerd",
};

/**
 * The container that a cgroup belongs to: the innermost one, whose cgroup may have children of its own (an init system in a
 * container). Undefined outside of containers; what only watches a container (conmon) is outside.
 *
 * @param path - from the root of the hierarchy, such as `/system.slice/docker-<id>.scope`
 */
export function parseCgroupPath(path: string): CgroupOwner | undefined {
  const names = path.split("/").filter((name) => name !== "");
  for (let at = names.length - 1; at >= 0; at--) {
    const [, prefix, containerId] = CONTAINER.exec(names[at] ?? "") ?? [];
    if (containerId === undefined) continue;
    const known = prefix === undefined ? RUNTIME_OF_PARENT : RUNTIME_OF_PREFIX;
    const key = prefix ?? names[at - 1] ?? "";
    const runtime = Object.hasOwn(known, key) ? known[key] : undefined;
    // libpod-conmon-<id>.scope, or a unit of somebody else.
    if (prefix !== undefined && runtime === undefined) continue;
    const podUid = podUidOf(names.slice(0, at + 1));
    return {
      containerId,
      ...(runtime === undefined ? {} : { runtime }),
      ...(podUid === undefined ? {} : { podUid }),
    };
  }
  return undefined;
}

/** That of the innermost pod. */
function podUidOf(names: readonly string[]): string | undefined {
  for (const name of names.toReversed()) {
    const uid = POD.exec(name)?.[1];
    // Dashes separate slices of systemd, so that its driver writes underscores.
    if (uid !== undefined) return uid.replaceAll("_", "-");
  }
  return undefined;
}
