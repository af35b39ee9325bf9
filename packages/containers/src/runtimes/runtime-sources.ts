import { existsSync } from "node:fs";
import type { IdentitySource } from "../identity-source.ts";
import { DockerSource } from "./docker-source.ts";

/** Where Docker and Podman listen. In a container the host's /run may be mounted at /host/run. */
const SOCKETS: readonly (readonly string[])[] = [
  ["/var/run/docker.sock", "/run/docker.sock", "/host/run/docker.sock"],
  ["/run/podman/podman.sock", "/host/run/podman/podman.sock"],
];

/**
 * The runtimes of this host: of Docker and Podman, whose sockets need not be there yet.
 *
 * @param sockets - where they listen instead; that one of these is not there is a problem
 */
export function runtimeSources(sockets?: readonly string[]): IdentitySource[] {
  if (sockets !== undefined) return sockets.map((socketPath) => new DockerSource({ socketPath }));
  return SOCKETS.flatMap((paths) => {
    const socketPath = paths.find((path) => existsSync(path)) ?? paths[0];
    return socketPath === undefined ? [] : [new DockerSource({ socketPath, expected: false })];
  });
}
