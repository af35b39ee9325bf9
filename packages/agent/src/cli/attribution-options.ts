import { UsageError } from "./usage-error.ts";
import type { Flag, FlagValues } from "./flags.ts";

const KUBERNETES = ["auto", "on", "off"] as const;

/** The flags of `tcptracker tap` that are about containers. */
export const ATTRIBUTION_FLAGS: Readonly<Record<string, Flag>> = {
  "no-containers": { type: "boolean", help: "do not look up which container a process is in" },
  "cgroup-root": {
    type: "string",
    value: "DIR",
    help: "where the host's cgroups are (default /host/sys/fs/cgroup or /sys/fs/cgroup)",
  },
  "runtime-socket": {
    type: "string",
    value: "PATH",
    help: "where Docker or Podman listens, for names and images (default: $DOCKER_HOST, their usual places)",
  },
  kubernetes: {
    type: "string",
    value: KUBERNETES.join("|"),
    help: "ask the Kubernetes API for the pods of this node (default auto: in a pod with a service account)",
  },
  "kubernetes-remote": {
    type: "boolean",
    help: "name the pod or service at the other end: follows all pods and services of the cluster",
  },
  kubeconfig: {
    type: "string",
    value: "FILE",
    help: "how to reach the API (default: the service account of the agent's pod)",
  },
  "node-name": {
    type: "string",
    value: "NAME",
    help: "of this node in the API (default $NODE_NAME, else the host name)",
  },
};

/** How to find out about containers. */
export interface AttributionCommand {
  readonly cgroupRoot?: string;
  readonly runtimeSocket?: string;
  /** Default `auto`: in a pod with a service account. */
  readonly kubernetes?: (typeof KUBERNETES)[number];
  /** Whether the other end is to have a name, too. */
  readonly kubernetesRemote?: boolean;
  readonly kubeconfig?: string;
  readonly nodeName?: string;
}

/**
 * What the flags say; undefined if containers are not to be looked up.
 *
 * @throws {@link UsageError} for a value that makes no sense
 */
export function parseAttribution(values: FlagValues): AttributionCommand | undefined {
  if (values["no-containers"] === true) return undefined;
  const text = <Name extends keyof AttributionCommand>(
    name: Name,
    flag: string,
  ): { [Key in Name]?: string } => {
    const value = values[flag];
    return (typeof value === "string" ? { [name]: value } : {}) as { [Key in Name]?: string };
  };
  const given = text("kubernetes", "kubernetes").kubernetes;
  const kubernetes = KUBERNETES.find((choice) => choice === given);
  if (given !== undefined && kubernetes === undefined)
    throw new UsageError(`--kubernetes takes one of ${KUBERNETES.join(", ")}, not '${given}'`);
  const kubernetesRemote = values["kubernetes-remote"] === true;
  if (kubernetesRemote && kubernetes === "off")
    throw new UsageError("--kubernetes-remote makes no sense with --kubernetes off");
  return {
    ...text("cgroupRoot", "cgroup-root"),
    ...text("runtimeSocket", "runtime-socket"),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    ...(kubernetesRemote ? { kubernetesRemote } : {}),
    ...text("kubeconfig", "kubeconfig"),
    ...text("nodeName", "node-name"),
  };
}
