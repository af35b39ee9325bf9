/**
 * Which container and which Kubernetes pod a cgroup is: start {@link Containers}.
 *
 * @packageDocumentation
 */
export { ATTRIBUTES, attributeOf, type Attribution } from "./attribution.ts";
export type { AttributionListener } from "./cgroup-index.ts";
export { parseCgroupPath, type CgroupOwner } from "./cgroups/cgroup-path.ts";
export type { Hierarchy } from "./cgroups/hierarchy.ts";
export { Containers, type ContainersOptions, type ContainersStatus } from "./containers.ts";
export { ContainersError, type ContainersErrorCode } from "./errors.ts";
export type { AttributeSet, CgroupTarget } from "./follow.ts";
export type { ContainerFacts, IdentityListener, IdentitySource } from "./identity-source.ts";
export { isInCluster } from "./kubernetes/in-cluster.ts";
export { DockerSource, type DockerSourceOptions } from "./runtimes/docker-source.ts";
export { runtimeSources } from "./runtimes/runtime-sources.ts";
