import type { CoreV1Api, KubeConfig, V1Pod, V1PodList } from "@kubernetes/client-node";
import type { PodIdentity } from "@tcptracker/events";
import { ContainersError } from "../errors.ts";
import type { ContainerFacts, IdentityListener, IdentitySource } from "../identity-source.ts";
import { LivingMap } from "../living-map.ts";
import { readPod, type ToldPod } from "./pod-object.ts";
import { explain } from "./failure.ts";
import { ObjectWatch, type ObjectWatchListener } from "./object-watch.ts";

/** Pods remembered that are gone. */
const MOST_DEPARTED = 4_096;

/** Pods that are waited for: of one that the API never tells of, nothing is known, and waiting has an end of its own. */
const MOST_ASKED = 1_024;

/** Where to ask, and about which node. */
export interface KubernetesSourceOptions {
  readonly config: KubeConfig;
  /** As the API calls it. */
  readonly nodeName: string;
  /** Milliseconds for an answer; default 30,000. */
  readonly answerPatience?: number;
}

/** Pods of this node, and the names of their containers, from the Kubernetes API: by list and watch. */
export class KubernetesSource implements IdentitySource {
  readonly name: string;
  readonly #watch: ObjectWatch<V1Pod>;
  /** By the uid that is in cgroup paths. */
  readonly #pods = new LivingMap<string, ToldPod>(MOST_DEPARTED);
  readonly #containers = new LivingMap<string, ContainerFacts>(MOST_DEPARTED);
  /** Cgroup uids by namespace and name: a pod may be made again under its name. */
  readonly #named = new Map<string, string>();
  readonly #asked = new Map<string, PromiseWithResolvers<undefined>>();
  readonly #started = Promise.withResolvers<undefined>();
  #listener: IdentityListener | undefined;
  #connected = false;
  /** Of the last problem that was told. */
  #problem: string | undefined;

  constructor({ config, nodeName, answerPatience }: KubernetesSourceOptions) {
    this.name = `Kubernetes at ${config.getCurrentCluster()?.server ?? "no server"}, node ${nodeName}`;
    const fieldSelector = `spec.nodeName=${nodeName}`;
    const list = (api: CoreV1Api): Promise<V1PodList> => api.listPodForAllNamespaces({ fieldSelector });
    const pods = { path: "/api/v1/pods", list, fieldSelector };
    const listener: ObjectWatchListener = {
      onObject: (json) => {
        this.#onPod(readPod(json));
      },
      onGone: (json) => {
        this.#onGone(readPod(json));
      },
      onSynced: () => {
        this.#connected = true;
        this.#problem = undefined;
        this.#started.resolve(undefined);
      },
      onFailure: (error) => {
        this.#onFailure(error);
      },
    };
    this.#watch = new ObjectWatch(config, pods, listener, answerPatience);
  }

  get isConnected(): boolean {
    return this.#connected;
  }

  start(listener: IdentityListener): Promise<void> {
    this.#listener = listener;
    this.#watch.start();
    return this.#started.promise;
  }

  container(id: string): ContainerFacts | undefined {
    return this.#containers.get(id);
  }

  pod(uid: string): PodIdentity | undefined {
    return this.#pods.get(uid)?.identity;
  }

  ask({ podUid }: { readonly podUid: string | undefined }): Promise<void> | undefined {
    // The watch tells of a pod when it is scheduled, long before it runs; of the ids of its containers a second after.
    if (podUid === undefined || !this.#connected || this.#pods.get(podUid) !== undefined) return undefined;
    const asked = this.#asked.get(podUid) ?? Promise.withResolvers<undefined>();
    this.#asked.set(podUid, asked);
    for (const [uid, { resolve }] of this.#asked) {
      if (this.#asked.size <= MOST_ASKED) break;
      resolve(undefined);
      this.#asked.delete(uid);
    }
    return asked.promise;
  }

  close(): void {
    this.#watch.close();
    this.#connected = false;
    this.#answerAll();
  }

  #onPod(told: ToldPod | undefined): void {
    if (told === undefined) return;
    const { cgroupUid, containers } = told;
    const key = keyOf(told);
    const before = this.#named.get(key);
    // Missed while there was no watch: it was deleted and made again.
    if (before !== undefined && before !== cgroupUid) this.#depart(before);
    this.#named.set(key, cgroupUid);
    // Of containers that were started anew.
    for (const id of this.#pods.get(cgroupUid)?.containers.keys() ?? [])
      if (!containers.has(id)) this.#containers.depart(id);
    this.#pods.set(cgroupUid, told);
    for (const [id, facts] of containers) this.#containers.set(id, facts);
    this.#listener?.onPod(cgroupUid);
    for (const id of containers.keys()) this.#listener?.onContainer(id);
    this.#asked.get(cgroupUid)?.resolve(undefined);
    this.#asked.delete(cgroupUid);
  }

  #onGone(told: ToldPod | undefined): void {
    if (told === undefined) return;
    this.#named.delete(keyOf(told));
    this.#depart(told.cgroupUid);
  }

  #depart(cgroupUid: string): void {
    for (const id of this.#pods.get(cgroupUid)?.containers.keys() ?? []) this.#containers.depart(id);
    this.#pods.depart(cgroupUid);
  }

  #onFailure(error: unknown): void {
    this.#connected = false;
    this.#started.resolve(undefined);
    this.#answerAll();
    const { reason, remedy } = explain(error, "pods");
    if (reason === this.#problem) return;
    this.#problem = reason;
    this.#listener?.onProblem(
      new ContainersError(
        "ERR_CONTAINERS_KUBERNETES",
        `${this.name} does not answer (${reason}): new pods have no names; ${remedy}`,
        { cause: error },
      ),
    );
  }

  /** There is no use in waiting any more. */
  #answerAll(): void {
    for (const { resolve } of this.#asked.values()) resolve(undefined);
    this.#asked.clear();
  }
}

function keyOf({ identity: { namespace, name } }: ToldPod): string {
  return `${namespace}/${name}`;
}
