import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { handleRequest } from "./routes.ts";

/** How {@link startServer} listens. */
export interface ServerOptions {
  /** TCP port; 0 (the default) takes a free one. */
  readonly port?: number;
  /** Address to listen on; 127.0.0.1 by default. */
  readonly host?: string;
  /** Listen on IPv6 too: on `::` when `host` is 0.0.0.0, on `::1` otherwise. */
  readonly ipv6?: boolean;
}

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, the IPv4 (or given) address first: `http://127.0.0.1:8080`, `http://[::1]:8080`. */
  readonly urls: readonly string[];
  /** Requests answered completely so far. */
  readonly requests: number;
  /** Stops listening, lets requests in progress finish for up to two seconds, closes every connection. */
  close(): Promise<void>;
}

/** How long {@link RunningServer.close} lets requests in progress finish. */
const CLOSE_GRACE_MS = 2000;
/** How often closing looks for connections whose last request has been answered. */
const CLOSE_POLL_MS = 20;

function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen({ host, port, ipv6Only: host.includes(":") });
  return once(server, "listening").then(() => undefined);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function urlOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
}

async function closeOne(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  // close() ends the connections that are idle now; those of requests in progress become idle later.
  const poll = setInterval(() => {
    server.closeIdleConnections();
  }, CLOSE_POLL_MS);
  const limit = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_GRACE_MS);
  await closed;
  clearInterval(poll);
  clearTimeout(limit);
}

/**
 * Starts the demo server.
 *
 * @throws the error of `listen` (`EADDRINUSE`, `EACCES`, ...) when it cannot listen; nothing stays open then.
 */
export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const { port = 0, host = "127.0.0.1", ipv6 = false } = options;
  let requests = 0;
  const make = (): Server =>
    createServer({ keepAlive: true, keepAliveTimeout: 15_000 }, (request, response) => {
      response.once("finish", () => (requests += 1));
      // A client that leaves in the middle of its body must not end the server.
      handleRequest(request, response).catch(() => response.destroy());
    });

  const servers = [make()];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closeOne));
  };
  try {
    const [first] = servers as [Server];
    await listen(first, host, port);
    if (ipv6 && !host.includes(":")) {
      const host6 = host === "0.0.0.0" ? "::" : "::1";
      let second = make();
      try {
        await listen(second, host6, portOf(first));
      } catch (error) {
        // A free port in one family may be taken in the other; a port that was asked for must be that one.
        if (port !== 0 || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
        second = make();
        await listen(second, host6, 0);
      }
      servers.push(second);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    urls: servers.map(urlOf),
    get requests() {
      return requests;
    },
    close,
  };
}
