import { statSync } from "node:fs";
import { join } from "node:path";
import type { IdentitySource } from "../identity-source.ts";
import { DockerSource } from "./docker-source.ts";

/** Where a runtime listens as a rule, and where else it may. */
interface Places {
  readonly usual: string;
  readonly others: readonly string[];
}

/** In a container the host's /run may be mounted at /host/run. */
const DOCKER: Places = {
  usual: "/var/run/docker.sock",
  others: ["/run/docker.sock", "/host/run/docker.sock"],
};
const PODMAN: Places = { usual: "/run/podman/podman.sock", others: ["/host/run/podman/podman.sock"] };

/** Another process's files. In a container that has the host's process ids, the parent is the engine's, outside of it. */
const PARENT_FILES = `/proc/${process.ppid}/root`;

/**
 * Where a unix socket may be that `DOCKER_HOST` names, for Docker's own tools: `unix:///run/docker.sock`. Nowhere if it names
 * something else, which says nothing of this host.
 *
 * @param hostFiles - where the host's files are, too, when they are not this process's own
 */
export function namedSockets(dockerHost: string | undefined, hostFiles: string): string[] {
  if (dockerHost?.startsWith("unix:///") !== true) return [];
  const path = dockerHost.slice("unix://".length);
  return [path, join(hostFiles, path)];
}

/**
 * The runtimes of this host: Docker and Podman, whose sockets need not be there yet at their usual places. A socket that
 * `DOCKER_HOST` names is preferred where it is there.
 *
 * @param sockets - where they listen instead; that one of these is not there is a problem
 */
export function runtimeSources(sockets?: readonly string[]): IdentitySource[] {
  if (sockets !== undefined) return sockets.map((socketPath) => new DockerSource({ socketPath }));
  const named = namedSockets(process.env["DOCKER_HOST"], PARENT_FILES);
  const paths = [find(named, DOCKER), find([], PODMAN)];
  return [...new Set(paths)].map((socketPath) => new DockerSource({ socketPath, expected: false }));
}

function find(preferred: readonly string[], { usual, others }: Places): string {
  return [...preferred, usual, ...others].find(isSocket) ?? usual;
}

/** Docker makes a directory of a socket that is to be mounted and is not there. */
function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false;
  }
}
