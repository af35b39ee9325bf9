import type { Flag } from "./tap-options.ts";

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
    help: "where Docker or Podman listens, for names and images (default: their usual places)",
  },
};

/** How to find out about containers. */
export interface AttributionCommand {
  readonly cgroupRoot?: string;
  readonly runtimeSocket?: string;
}

/** What the flags say; undefined if containers are not to be looked up. */
export function parseAttribution(
  values: Readonly<Record<string, string | boolean | undefined>>,
): AttributionCommand | undefined {
  if (values["no-containers"] === true) return undefined;
  const { "cgroup-root": cgroupRoot, "runtime-socket": runtimeSocket } = values;
  return {
    ...(typeof cgroupRoot === "string" ? { cgroupRoot } : {}),
    ...(typeof runtimeSocket === "string" ? { runtimeSocket } : {}),
  };
}
