/** An API server with pods: list and watch, resource versions, expiry, and everything that goes wrong. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { onTestFinished } from "vitest";

export interface FakePod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
    readonly resourceVersion?: string;
  };
  readonly spec?: { readonly nodeName?: string; readonly hostNetwork?: boolean };
  readonly status?: {
    readonly containerStatuses?: readonly object[];
    readonly phase?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly hostIPs?: readonly { readonly ip: string }[];
  };
}

export interface FakeService {
  readonly metadata: FakePod["metadata"];
  readonly spec?: { readonly clusterIPs?: readonly string[]; readonly externalIPs?: readonly string[] };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly object[] } };
}

/** What is listed and watched. */
type Kind = "pods" | "services";
type FakeObject = FakePod | FakeService;

interface WatchEvent {
  readonly version: number;
  readonly kind: Kind;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: FakeObject;
}

/** What is asked for. */
interface Selection {
  readonly kind: Kind;
  /** Undefined: of all nodes. */
  readonly node: string | undefined;
}

interface Watcher extends Selection {
  readonly response: ServerResponse;
}

const TOKEN = "secret";

export class FakeKubernetes {
  /** Answers with this status as long as it is set. */
  failure: number | undefined;
  /** Accepts and never answers as long as it is set. */
  silent = false;
  /** What has been asked for. */
  readonly lists: URLSearchParams[] = [];
  readonly watches: URLSearchParams[] = [];
  readonly #objects: Readonly<Record<Kind, Map<string, FakeObject>>> = {
    pods: new Map(),
    services: new Map(),
  };
  #events: WatchEvent[] = [];
  #version = 100;
  /** Watches from versions before this one are refused. */
  #oldest = 0;
  #watchers: Watcher[] = [];
  #server: Server | undefined;
  #port = 0;

  constructor() {
    onTestFinished(() => this.stop());
  }

  get watching(): number {
    return this.#watchers.length;
  }

  /** Connections that are open. */
  async connections(): Promise<number> {
    const count = Promise.withResolvers<number>();
    this.#server?.getConnections((error, number) => {
      if (error === null) count.resolve(number);
      else count.reject(error);
    });
    return await count.promise;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#watchers = [];
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  config(token: string = TOKEN): KubeConfig {
    const config = new KubeConfig();
    const server = `http://127.0.0.1:${this.#port}`;
    // The client wants this for plain HTTP.
    config.loadFromClusterAndUser({ name: "fake", server, skipTLSVerify: true }, { name: "agent", token });
    return config;
  }

  /** Adds or changes a pod, which is on `node-1` unless it says otherwise. */
  put(pod: FakePod): void {
    this.#put("pods", { ...pod, spec: { nodeName: "node-1", ...pod.spec } });
  }

  putService(service: FakeService): void {
    this.#put("services", service);
  }

  #put(kind: Kind, object: FakeObject): void {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    const type = this.#objects[kind].has(key) ? "MODIFIED" : "ADDED";
    this.#objects[kind].set(key, stored);
    this.#tell({ version: this.#version, kind, type, object: stored });
  }

  remove(namespace: string, name: string, kind: Kind = "pods"): void {
    const key = `${namespace}/${name}`;
    const object = this.#objects[kind].get(key);
    if (object === undefined) throw new Error(`there is no ${key} among ${kind}`);
    this.#objects[kind].delete(key);
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) };
    this.#tell({ version: this.#version, kind, type: "DELETED", object: { ...object, metadata } });
  }

  /** Ends all watches, in the middle of a line. */
  breakWatches(): void {
    for (const { response } of this.#watchers.splice(0)) {
      response.write('{"type":"MODIFIED","object":{"metadata":{"na');
      setImmediate(() => response.destroy());
    }
  }

  /** Ends all watches as servers do it from time to time. */
  endWatches(): void {
    for (const { response } of this.#watchers.splice(0)) response.end();
  }

  /** Forgets what has happened, so that watches have to begin with a list. */
  compact(): void {
    this.#events = [];
    this.#oldest = ++this.#version;
  }

  /** Tells all watches that their version is too old, and ends them. */
  expireWatches(): void {
    for (const { response } of this.#watchers.splice(0)) response.end(`${JSON.stringify(EXPIRED)}\n`);
  }

  #tell(event: WatchEvent): void {
    this.#events.push(event);
    for (const watcher of this.#watchers) this.#send(watcher, event);
  }

  #send(watcher: Watcher, { kind, type, object }: WatchEvent): void {
    if (kind === watcher.kind && isSelected(object, watcher.node))
      watcher.response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #answer({ url = "", headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const kind = /^\/api\/v1\/(pods|services)$/.exec(pathname)?.[1] as Kind | undefined;
    const node = /^spec\.nodeName=(.+)$/.exec(searchParams.get("fieldSelector") ?? "")?.[1];
    if (this.silent) return;
    if (headers.authorization !== `Bearer ${TOKEN}`) send(response, 401, status(401, "Unauthorized"));
    else if (this.failure !== undefined) send(response, this.failure, status(this.failure, "as told"));
    else if (kind === undefined) send(response, 403, status(403, "Forbidden"));
    else if (searchParams.get("watch") === "true") this.#watch({ kind, node }, searchParams, response);
    else {
      this.lists.push(searchParams);
      const items = Array.from(this.#objects[kind].values()).filter((object) => isSelected(object, node));
      const metadata = { resourceVersion: String(this.#version) };
      send(response, 200, {
        kind: kind === "pods" ? "PodList" : "ServiceList",
        apiVersion: "v1",
        metadata,
        items,
      });
    }
  }

  #watch(selection: Selection, searchParams: URLSearchParams, response: ServerResponse): void {
    this.watches.push(searchParams);
    const from = Number(searchParams.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    if (from < this.#oldest) {
      response.end(`${JSON.stringify(EXPIRED)}\n`);
      return;
    }
    response.flushHeaders();
    const watcher = { ...selection, response };
    this.#watchers.push(watcher);
    response.on("close", () => {
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
    });
    for (const event of this.#events) if (event.version > from) this.#send(watcher, event);
  }
}

function isSelected(object: FakeObject, node: string | undefined): boolean {
  return node === undefined || (object as FakePod).spec?.nodeName === node;
}

function status(code: number, reason: string): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason };
}

const EXPIRED = { type: "ERROR", object: status(410, "Expired") };

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
