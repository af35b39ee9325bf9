import {
  Containers,
  ContainersError,
  isInCluster,
  runtimeSources,
  type IdentitySource,
} from "@tcptracker/containers";
import type { AddressBook } from "@tcptracker/containers/kubernetes";
import type { AttributionCommand } from "../cli/attribution-options.ts";
import { plural } from "../format.ts";
import type { Stage } from "../pipeline.ts";
import { AttributionStage } from "../stages/attribution.ts";

/** Attribution while a tap runs. */
export interface Attributing extends Disposable {
  readonly containers: Containers;
  readonly stage: Stage;
  /** What a person wants to know at the end. */
  summary(): string[];
}

/**
 * Begins to watch containers; undefined, and told, where that cannot be: the tap works without.
 *
 * @throws {@link ContainersError} for a cgroup root or a kubeconfig that was asked for and cannot be used
 */
export async function startAttributing(
  command: AttributionCommand,
  tell: (text: string) => void,
): Promise<Attributing | undefined> {
  const containers = await startContainers(command, tell);
  if (containers === undefined) return undefined;
  const addresses = await startAddressBook(command, tell).catch((error: unknown) => {
    containers.close();
    throw error;
  });
  const { hierarchy } = containers.status();
  if (!hierarchy.isWhole)
    tell(
      `${hierarchy.path} is only a part of the host's cgroups: other containers are not known; mount the host's /sys/fs/cgroup at /host/sys/fs/cgroup, or name it by --cgroup-root`,
    );
  return {
    containers,
    stage: new AttributionStage(containers, (address) => addresses?.of(address)),
    summary: () => {
      const { unresolved } = containers.status();
      return unresolved === 0
        ? []
        : [`${plural(unresolved, "cgroup")} not found: records of these have no container`];
    },
    [Symbol.dispose]: () => {
      addresses?.[Symbol.dispose]();
      containers.close();
    },
  };
}

async function startContainers(
  command: AttributionCommand,
  tell: (text: string) => void,
): Promise<Containers | undefined> {
  const { cgroupRoot, runtimeSocket } = command;
  const runtimes = runtimeSources(runtimeSocket === undefined ? undefined : [runtimeSocket]);
  try {
    return await Containers.start({
      ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
      // What Kubernetes calls a container comes before what its runtime does.
      sources: [...(await kubernetesSources(command)), ...runtimes],
      onProblem: (problem) => {
        tell(problem.message);
      },
    });
  } catch (error) {
    const isMissing = error instanceof ContainersError && error.code === "ERR_CONTAINERS_HIERARCHY";
    if (cgroupRoot !== undefined || !isMissing) throw error;
    tell(`${error.message}; records have no containers`);
    return undefined;
  }
}

function isKubernetesWanted({ kubernetes = "auto", kubeconfig }: AttributionCommand): boolean {
  return kubernetes === "on" || (kubernetes === "auto" && (kubeconfig !== undefined || isInCluster()));
}

/** Undefined where nobody wants it. */
async function startAddressBook(
  command: AttributionCommand,
  tell: (text: string) => void,
): Promise<AddressBook | undefined> {
  if (command.kubernetesRemote !== true || !isKubernetesWanted(command)) return undefined;
  const { kubeconfig } = command;
  const { addressBook } = await import("./kubernetes.ts");
  const addresses = addressBook(kubeconfig === undefined ? {} : { kubeconfig }, (problem) => {
    tell(problem.message);
  });
  await addresses.start();
  return addresses;
}

async function kubernetesSources(command: AttributionCommand): Promise<IdentitySource[]> {
  if (!isKubernetesWanted(command)) return [];
  const { kubeconfig, nodeName } = command;
  const { kubernetesSource } = await import("./kubernetes.ts");
  const source = kubernetesSource({
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(nodeName === undefined ? {} : { nodeName }),
  });
  return [source];
}
