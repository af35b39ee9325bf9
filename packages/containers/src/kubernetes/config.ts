import { hostname } from "node:os";
import { KubeConfig } from "@kubernetes/client-node";
import { ContainersError } from "../errors.ts";
import { AddressBook } from "./address-book.ts";
import { isInCluster } from "./in-cluster.ts";
import { KubernetesSource } from "./kubernetes-source.ts";

/** How to reach the API. */
export interface KubernetesOptions {
  /** Default: the service account of the pod that this process is in. */
  readonly kubeconfig?: string;
  /** Default: the environment variable NODE_NAME, else the host name. */
  readonly nodeName?: string;
}

/**
 * Whose the addresses of the cluster are.
 *
 * @throws {@link ContainersError} ERR_CONTAINERS_KUBERNETES for a kubeconfig that cannot be used
 */
export function addressBook(
  { kubeconfig }: Pick<KubernetesOptions, "kubeconfig">,
  onProblem: (problem: ContainersError) => void,
): AddressBook {
  return configured(kubeconfig, (config) => new AddressBook({ config, onProblem }));
}

/**
 * A source for the pods of this node.
 *
 * @throws {@link ContainersError} ERR_CONTAINERS_KUBERNETES for a kubeconfig that cannot be used
 */
export function kubernetesSource({ kubeconfig, nodeName }: KubernetesOptions = {}): KubernetesSource {
  const node = nodeName ?? process.env["NODE_NAME"] ?? hostname();
  return configured(kubeconfig, (config) => new KubernetesSource({ config, nodeName: node }));
}

function configured<T>(kubeconfig: string | undefined, make: (config: KubeConfig) => T): T {
  if (kubeconfig === undefined && !isInCluster())
    throw new ContainersError(
      "ERR_CONTAINERS_KUBERNETES",
      "this process is in no pod with a service account (KUBERNETES_SERVICE_HOST and a token): name a kubeconfig",
    );
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromCluster();
    else config.loadFromFile(kubeconfig);
    return make(config);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = kubeconfig ?? "the service account of this pod";
    throw new ContainersError("ERR_CONTAINERS_KUBERNETES", `cannot use ${what}: ${reason}`, { cause });
  }
}
