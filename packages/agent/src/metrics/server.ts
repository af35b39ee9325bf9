import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Target } from "@tcptracker/grpc-exporter/target";
import type { Registry } from "prom-client";
import { TapError } from "../errors.ts";

/** Connections at the same time: a scraper needs one. */
const MOST_CONNECTIONS = 64;

/** A running server of `/metrics`, `/healthz` and `/readyz`. */
export interface MetricsServer extends AsyncDisposable {
  /** Where it listens. */
  readonly address: Target;
}

/**
 * Serves figures by HTTP. `/healthz` answers 200 as long as the process does anything; `/readyz` answers 200 when
 * `notReady()` is undefined, else 503 and what it says.
 *
 * Rejects with {@link TapError} ERR_TAP_OPTION when the address cannot be listened on.
 */
export async function serveMetrics(
  listen: Target,
  registry: Registry,
  notReady: () => string | undefined,
): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    void answer(request, response, registry, notReady);
  });
  server.maxConnections = MOST_CONNECTIONS;
  try {
    server.listen(listen.port, listen.host);
    await once(server, "listening");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TapError("ERR_TAP_OPTION", `cannot serve metrics: ${reason}`, { cause });
  }
  // A connection that cannot be accepted is the scraper's trouble, not the tap's.
  server.on("error", () => undefined);
  const { address, port } = server.address() as AddressInfo;
  return {
    address: { host: address, port },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  registry: Registry,
  notReady: () => string | undefined,
): Promise<void> {
  const say = (status: number, text: string, type = "text/plain; charset=utf-8"): void => {
    response.writeHead(status, { "content-type": type }).end(method === "HEAD" ? undefined : text);
  };
  if (method !== "GET" && method !== "HEAD") {
    say(405, "only GET and HEAD\n");
    return;
  }
  switch (url?.split("?", 1)[0]) {
    case "/metrics":
      try {
        say(200, await registry.metrics(), registry.contentType);
      } catch (error) {
        say(500, `${error instanceof Error ? error.message : String(error)}\n`);
      }
      return;
    case "/healthz":
      say(200, "ok\n");
      return;
    case "/readyz": {
      const reason = notReady();
      say(reason === undefined ? 200 : 503, `${reason ?? "ok"}\n`);
      return;
    }
    default:
      say(404, "there are /metrics, /healthz and /readyz\n");
  }
}
