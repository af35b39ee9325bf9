import type { KubeConfig, KubernetesObject } from "@kubernetes/client-node";
import type { RemoteNames } from "@tcptracker/events";
import { ContainersError } from "../errors.ts";
import { readAddresses, type Addressed } from "./addressed.ts";
import { START_PATIENCE, within } from "../patience.ts";
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
  /** Milliseconds for an answer; default 30,000. */
  readonly answerPatience?: number;
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
  /** By kind, namespace and name. */
  readonly #objects = new Map<string, { readonly uid: string; readonly addresses: readonly string[] }>();
  /** Addresses of nodes that pods are on. */
  readonly #nodes = new Set<string>();
  readonly #watches: readonly { start(): void; close(): void }[];
  readonly #now: () => number;
  readonly #started: Promise<unknown>;
  /** Who is gone, in the order of going. */
  #farewells: { readonly address: string; readonly uid: string; readonly at: number }[] = [];

  constructor(options: AddressBookOptions) {
    this.#now = options.now ?? (() => performance.now());
    const pods = this.#watch(options, "pods", (api) => api.listPodForAllNamespaces());
    const services = this.#watch(options, "services", (api) => api.listServiceForAllNamespaces());
    this.#watches = [pods.watch, services.watch];
    this.#started = Promise.all([pods.started, services.started]);
  }

  /** Begins to learn; resolves when what there is now is known, or cannot be, or nobody answers for 2 s. Never rejects. */
  async start(): Promise<void> {
    for (const watch of this.#watches) watch.start();
    await within(START_PATIENCE, this.#started);
  }

  /** Whose an address is, as records have it; undefined for one outside the cluster, or of a node, which many share. */
  of(text: string): RemoteNames | undefined {
    const address = text.startsWith("::ffff:") ? text.slice("::ffff:".length) : text;
    const entry = this.#entries.get(address);
    if (entry?.gone !== undefined && this.#now() - entry.gone > FAREWELL) return undefined;
    // A service may be reached at the addresses of nodes, as small clusters have it: so is everything else on them.
    return entry?.names.service !== undefined && this.#nodes.has(address) ? undefined : entry?.names;
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#entries.size;
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch.close();
  }

  #watch<T extends KubernetesObject>(
    { config, onProblem, answerPatience }: AddressBookOptions,
    what: "pods" | "services",
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
          if (addressed !== undefined) this.#set(addressed, keyOf(what, object));
          slim(object);
        },
        onGone: (object) => {
          this.#remove(object.metadata?.uid ?? "", keyOf(what, object));
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
      answerPatience,
    );
    return { watch, started: started.promise };
  }

  #set({ uid, addresses, nodes, names }: Addressed, key: string): void {
    for (const node of nodes) this.#nodes.add(node);
    const before = this.#objects.get(key);
    // Missed while there was no watch: it was deleted and made again.
    if (before !== undefined && before.uid !== uid) this.#remove(before.uid, key);
    for (const address of this.#objects.get(key)?.addresses ?? [])
      if (!addresses.includes(address)) this.#depart(address, uid);
    for (const address of addresses) this.#entries.set(address, { names, uid });
    if (addresses.length === 0) this.#objects.delete(key);
    else this.#objects.set(key, { uid, addresses });
  }

  #remove(uid: string, key: string): void {
    const object = this.#objects.get(key);
    if (object?.uid !== uid) return;
    for (const address of object.addresses) this.#depart(address, uid);
    this.#objects.delete(key);
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

function keyOf(what: string, { metadata }: KubernetesObject): string {
  return `${what}/${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`;
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
