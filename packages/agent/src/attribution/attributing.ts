import { Containers, ContainersError, runtimeSources } from "@tcptracker/containers";
import type { AttributionCommand } from "../cli/attribution-options.ts";
import { plural } from "../format.ts";
import type { Stage } from "../pipeline.ts";
import { AttributionStage } from "../stages/attribution.ts";

/** Attribution while a tap runs. */
export interface Attributing extends Disposable {
  readonly stage: Stage;
  /** What a person wants to know at the end. */
  summary(): string[];
}

/**
 * Begins to watch containers; undefined, and told, where that cannot be: the tap works without.
 *
 * @throws {@link ContainersError} for a cgroup root that was asked for and is none
 */
export async function startAttributing(
  { cgroupRoot, runtimeSocket }: AttributionCommand,
  tell: (text: string) => void,
): Promise<Attributing | undefined> {
  const containers = await startContainers(cgroupRoot, runtimeSocket, tell);
  if (containers === undefined) return undefined;
  const { hierarchy } = containers.status();
  if (!hierarchy.isWhole)
    tell(
      `${hierarchy.path} is only a part of the host's cgroups: other containers are not known; mount the host's /sys/fs/cgroup at /host/sys/fs/cgroup, or name it by --cgroup-root`,
    );
  return {
    stage: new AttributionStage(containers),
    summary: () => {
      const { unresolved } = containers.status();
      return unresolved === 0
        ? []
        : [`${plural(unresolved, "cgroup")} not found: records of these have no container`];
    },
    [Symbol.dispose]: () => {
      containers.close();
    },
  };
}

async function startContainers(
  cgroupRoot: string | undefined,
  runtimeSocket: string | undefined,
  tell: (text: string) => void,
): Promise<Containers | undefined> {
  try {
    return await Containers.start({
      ...(cgroupRoot === undefined ? {} : { cgroupRoot }),
      sources: runtimeSources(runtimeSocket === undefined ? undefined : [runtimeSocket]),
      onProblem: (problem) => {
        tell(problem.message);
      },
    });
  } catch (error) {
    if (cgroupRoot !== undefined || !(error instanceof ContainersError)) throw error;
    tell(`${error.message}; records have no containers`);
    return undefined;
  }
}
