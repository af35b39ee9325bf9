import { CoreV1Api, type KubeConfig, type KubernetesObject } from "@kubernetes/client-node";
import type { RemoteNames } from "@tcptracker/events";
import { ContainersError } from "../errors.ts";
import { readAddresses, type Addressed } from "./addressed.ts";
import { explain } from "./failure.ts";
import { ObjectWatch, type Watched } from "./object-watch.ts";

/** How long the address of a pod that is gone is still its own, in milliseconds: records of its last moments are on their way. */
const FAREWELL = 60_000;

/** Where to ask, and whom to tell of problems. */
export interface AddressBookOptions {
  readonly config: KubeConfig;
  readonly onProblem: (problem: ContainersError) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

interface Entry {
  readonly names: RemoteNames;
  /** Of the object. */
  readonly uid: string;
  /** When it was gone. */
  readonly gone?: number;
}

/** Which pod or service an address of the cluster is, from the Kubernetes API: all pods and services, by list and watch. */
export class AddressBook implements Disposable {
  readonly #entries = new Map<string, Entry>();
  /** Addresses by the uid of their object. */
  readonly #objects = new Map<string, readonly string[]>();
  readonly #watches: readonly { start(): void; close(): void }[];
  readonly #now: () => number;
  readonly #started: Promise<unknown>;
  /** Who is gone, in the order of going. */
  #farewells: { readonly address: string; readonly uid: string; readonly at: number }[] = [];

  constructor({ config, onProblem, now = () => performance.now() }: AddressBookOptions) {
    this.#now = now;
    const api = config.makeApiClient(CoreV1Api);
    const pods = this.#watch(config, "pods", onProblem, () => api.listPodForAllNamespaces());
    const services = this.#watch(config, "services", onProblem, () => api.listServiceForAllNamespaces());
    this.#watches = [pods.watch, services.watch];
    this.#started = Promise.all([pods.started, services.started]);
  }

  /** Begins to learn; resolves when what there is now is known, or cannot be. Never rejects. */
  async start(): Promise<void> {
    for (const watch of this.#watches) watch.start();
    await this.#started;
  }

  /** Whose an address is, as records have it; undefined for one outside the cluster, or of a node, which many share. */
  of(address: string): RemoteNames | undefined {
    const entry = this.#entries.get(
      address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address,
    );
    if (entry?.gone !== undefined && this.#now() - entry.gone > FAREWELL) return undefined;
    return entry?.names;
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#entries.size;
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch.close();
  }

  #watch<T extends KubernetesObject>(
    config: KubeConfig,
    what: "pods" | "services",
    onProblem: (problem: ContainersError) => void,
    list: Watched<T>["list"],
  ): { readonly watch: ObjectWatch<T>; readonly started: Promise<undefined> } {
    const started = Promise.withResolvers<undefined>();
    let told: string | undefined;
    const kind = what === "pods" ? "pod" : "service";
    const watch = new ObjectWatch<T>(
      config,
      { path: `/api/v1/${what}`, list },
      {
        onObject: (object) => {
          const addressed = readAddresses(kind, object);
          if (addressed !== undefined) this.#set(addressed);
          slim(object);
        },
        onGone: (object) => {
          this.#remove(object.metadata?.uid ?? "");
        },
        onSynced: () => {
          told = undefined;
          started.resolve(undefined);
        },
        onFailure: (error) => {
          started.resolve(undefined);
          const { reason, remedy } = explain(error, what);
          if (reason === told) return;
          told = reason;
          const server = config.getCurrentCluster()?.server ?? "no server";
          const message = `Kubernetes at ${server} does not tell ${what} (${reason}): new ones are not named as the other end; ${remedy}`;
          onProblem(new ContainersError("ERR_CONTAINERS_KUBERNETES", message, { cause: error }));
        },
      },
    );
    return { watch, started: started.promise };
  }

  #set({ uid, addresses, names }: Addressed): void {
    const before = this.#objects.get(uid) ?? [];
    for (const address of before) if (!addresses.includes(address)) this.#depart(address, uid);
    for (const address of addresses) this.#entries.set(address, { names, uid });
    if (addresses.length === 0) this.#objects.delete(uid);
    else this.#objects.set(uid, addresses);
  }

  #remove(uid: string): void {
    for (const address of this.#objects.get(uid) ?? []) this.#depart(address, uid);
    this.#objects.delete(uid);
  }

  /** It may be somebody else's already. */
  #depart(address: string, uid: string): void {
    const entry = this.#entries.get(address);
    const at = this.#now();
    this.#forget(at);
    if (entry?.uid !== uid) return;
    this.#entries.set(address, { ...entry, gone: at });
    this.#farewells.push({ address, uid, at });
  }

  /** Those who have been gone for long. */
  #forget(now: number): void {
    const old = this.#farewells.findIndex(({ at }) => now - at <= FAREWELL);
    for (const { address, uid, at } of this.#farewells.splice(0, old < 0 ? this.#farewells.length : old)) {
      const entry = this.#entries.get(address);
      if (entry?.uid === uid && entry.gone === at) this.#entries.delete(address);
    }
  }
}

/** What the informer goes by. */
const KEPT: ReadonlySet<string> = new Set(["name", "namespace", "uid", "resourceVersion"]);

/** The rest of all pods of a cluster would take memory for nothing. */
function slim(object: KubernetesObject): void {
  for (const member of Object.keys(object)) if (member !== "metadata") Reflect.deleteProperty(object, member);
  const { metadata } = object;
  if (metadata === undefined) return;
  for (const member of Object.keys(metadata)) if (!KEPT.has(member)) Reflect.deleteProperty(metadata, member);
}
