import type { ContainerRuntime, PodIdentity } from "@tcptracker/events";
import type { ContainersError } from "./errors.ts";

/** What somebody knows of a container beyond its id. */
export interface ContainerFacts {
  readonly name?: string;
  /** The image reference that it runs. */
  readonly image?: string;
  readonly runtime?: ContainerRuntime;
  readonly pod?: PodIdentity;
}

/** Told by a source of what it has learned. */
export interface IdentityListener {
  /** What is known of this container is not what it was. */
  onContainer(id: string): void;
  /** The same of a pod. */
  onPod(uid: string): void;
  /** The source is not of use until further notice: it goes on trying. */
  onProblem(problem: ContainersError): void;
}

/** Somebody who knows containers and pods: a runtime, or the Kubernetes API. It may take long, be gone, and come back. */
export interface IdentitySource {
  /** What it is, for messages and status, such as `docker at /run/docker.sock`. */
  readonly name: string;
  /** Whether it answers at the moment. */
  readonly isConnected: boolean;
  /** Begins to learn; resolves when what there is now is known, or cannot be. Called once; never rejects. */
  start(listener: IdentityListener): Promise<void>;
  /** What is known now. */
  container(id: string): ContainerFacts | undefined;
  pod(uid: string): PodIdentity | undefined;
  /** A container has appeared that {@link container} may not know yet. Resolves when there is no use in waiting; never rejects. */
  ask(container: { readonly id: string; readonly podUid: string | undefined }): Promise<void> | undefined;
  close(): void;
}
