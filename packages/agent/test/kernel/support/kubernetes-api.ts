import { once } from "node:events";
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Rule } from "./manifests.ts";

/** What the API has, and whom it lets see it. */
export interface KubernetesApiOptions {
  /** Of node-1. */
  readonly pods: readonly object[];
  readonly services: readonly object[];
  /** Default: all is allowed. */
  readonly rules?: readonly Rule[];
  /** Default: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

const KINDS: Readonly<Record<string, string>> = { pods: "PodList", services: "ServiceList" };

/** An API server on loopback that lists, and watches while nothing happens. */
export class KubernetesApi implements AsyncDisposable {
  /** Verbs and resources, such as `list pods`. */
  readonly asked: Set<string> = new Set();
  readonly refused: Set<string> = new Set();
  readonly #options: KubernetesApiOptions;
  readonly #server: ReturnType<typeof createPlainServer>;

  private constructor(options: KubernetesApiOptions) {
    this.#options = options;
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request.url ?? "", response);
    };
    const { tls } = options;
    this.#server = tls === undefined ? createPlainServer(answer) : createServer(tls, answer);
  }

  static async start(options: KubernetesApiOptions): Promise<KubernetesApi> {
    const api = new KubernetesApi(options);
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(url: string, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(url, "http://localhost");
    const resource = /^\/api\/v1\/(\w+)$/.exec(pathname)?.[1] ?? pathname;
    const verb = query.get("watch") === "true" ? "watch" : "list";
    this.asked.add(`${verb} ${resource}`);
    if (!this.#isAllowed(verb, resource)) {
      this.refused.add(`${verb} ${resource}`);
      const status = { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Forbidden", code: 403 };
      response.writeHead(403, { "content-type": "application/json" }).end(JSON.stringify(status));
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    if (verb === "watch") {
      response.flushHeaders();
      return;
    }
    const { pods, services } = this.#options;
    const selector = query.get("fieldSelector") ?? "spec.nodeName=node-1";
    const items = resource === "services" ? services : selector === "spec.nodeName=node-1" ? pods : [];
    response.end(JSON.stringify({ kind: KINDS[resource], metadata: { resourceVersion: "7" }, items }));
  }

  #isAllowed(verb: string, resource: string): boolean {
    const { rules } = this.#options;
    if (rules === undefined) return true;
    return rules.some(
      ({ apiGroups, resources, verbs }) =>
        apiGroups.includes("") && resources.includes(resource) && verbs.includes(verb),
    );
  }
}
