import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { runClient, type RequestOutcome } from "./index.ts";

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(
  listener: RequestListener,
  host = "127.0.0.1",
  port = 0,
): Promise<{ url: string; server: Server }> {
  const server = createServer(listener).listen(port, host);
  servers.push(server);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return { url: `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`, server };
}

function answer(response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void {
  const digest = createHash("sha256").update(body).digest("base64");
  const length = String(Buffer.byteLength(body));
  response.writeHead(200, { "content-length": length, "content-digest": `sha-256=:${digest}:`, ...headers });
  response.end(body);
}

/** A server of which every answer is right. */
const right: RequestListener = (request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    if (request.url === "/api/echo") answer(response, Buffer.concat(pieces));
    else if (request.url === "/api/items") answer(response, '{"items":[]}');
    else answer(response, "something");
  });
};

/** The right server, but for one path. */
function wrongAt(path: string, wrong: (response: ServerResponse) => void): RequestListener {
  return (request, response) => {
    if (request.url === path) wrong(response);
    else right(request, response);
  };
}

test("cycles through the whole mix and stops after the given number", async () => {
  const { url } = await serve(right);
  const outcomes: RequestOutcome[] = [];
  const summary = await runClient({
    urls: [url],
    rate: 1000,
    requests: 12,
    onRequest: (outcome) => outcomes.push(outcome),
  });
  expect(summary).toEqual({
    requests: 12,
    byPath: { "/": 3, "/api/items": 3, "/api/echo": 2, "/chunked": 2, "/large": 2 },
    failed: 0,
  });
  expect(outcomes.slice(0, 5).map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /",
    "GET /api/items",
    "POST /api/echo",
    "GET /chunked",
    "GET /large",
  ]);
  expect(outcomes[0]).toMatchObject({ url, status: 200, bytes: "something".length });
});

test("asks every server for every kind of thing, over IPv4 and IPv6", async () => {
  const families = new Map<string, Set<string>>();
  const note: RequestListener = (request, response) => {
    const family = request.socket.remoteFamily ?? "unknown";
    families.set(family, (families.get(family) ?? new Set()).add(request.url ?? ""));
    right(request, response);
  };
  const [first, second] = [await serve(note), await serve(note, "::1")];
  const summary = await runClient({ urls: [first.url, second.url], rate: 1000, requests: 10 });
  expect(summary.failed).toBe(0);
  expect(families.get("IPv4")?.size).toBe(5);
  expect(families.get("IPv6")?.size).toBe(5);
});

test.each([
  [
    "/",
    "another status",
    (response: ServerResponse) => response.writeHead(500).end("no"),
    "unexpected status",
  ],
  [
    "/",
    "an empty body",
    (response: ServerResponse) => {
      answer(response, "");
    },
    "an empty body",
  ],
  [
    "/api/items",
    "what is not JSON",
    (response: ServerResponse) => {
      answer(response, "<html>");
    },
    "not JSON",
  ],
  [
    "/api/items",
    "other JSON",
    (response: ServerResponse) => {
      answer(response, "[1]");
    },
    "no list of items",
  ],
  [
    "/api/echo",
    "another body",
    (response: ServerResponse) => {
      answer(response, "{}");
    },
    "the echo differs",
  ],
  [
    "/large",
    "a body that does not match its digest",
    (response: ServerResponse) => {
      answer(response, "x", { "content-digest": "sha-256=:AAAA:" });
    },
    "sha-256 is",
  ],
  [
    "/large",
    "no digest",
    (response: ServerResponse) => response.writeHead(200, { "content-length": 1 }).end("x"),
    "no sha-256 content-digest",
  ],
  [
    "/large",
    "a body cut short",
    (response: ServerResponse) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("x", () => response.destroy());
    },
    "ECONNRESET",
  ],
])("at %s finds %s", async (path, _what, wrong, failure) => {
  const { url } = await serve(wrongAt(path, wrong));
  const failures: RequestOutcome[] = [];
  const summary = await runClient({
    urls: [url],
    rate: 1000,
    requests: 5,
    onRequest: (outcome) => (outcome.failure === undefined ? undefined : failures.push(outcome)),
  });
  expect(summary).toMatchObject({ requests: 5, failed: 1 });
  expect(failures[0]?.path).toBe(path);
  expect(failures[0]?.failure).toContain(failure);
});

test.each([
  [true, 1],
  [false, 6],
])("with keepAlive %s opens %i connections for six requests", async (keepAlive, expected) => {
  const sockets = new Set<Socket>();
  const { url } = await serve((request, response) => {
    sockets.add(request.socket);
    right(request, response);
  });
  await runClient({ urls: [url], rate: 1000, requests: 6, keepAlive });
  expect(sockets.size).toBe(expected);
});

test("keeps to the rate and ends after the duration", async () => {
  const { url } = await serve(right);
  const before = performance.now();
  const summary = await runClient({ urls: [url], rate: 20, durationMs: 500 });
  const took = performance.now() - before;
  // Ten requests start in 500 ms at 20 per second; a busy machine may drop the last ones, never add one.
  expect(summary.requests).toBeGreaterThanOrEqual(5);
  expect(summary.requests).toBeLessThanOrEqual(10);
  expect(took).toBeGreaterThanOrEqual(490);
  expect(took).toBeLessThan(5000);
});

test("waits for a server that comes up later", async () => {
  const { url, server } = await serve(right);
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const summary = runClient({ urls: [url], rate: 1000, requests: 2 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await serve(right, "127.0.0.1", port);
  expect(await summary).toMatchObject({ requests: 2, failed: 0 });
});

test("does not wait for ever", async () => {
  const { url, server } = await serve(right);
  server.close();
  await once(server, "close");
  const failures: (string | undefined)[] = [];
  const summary = await runClient({
    urls: [url],
    requests: 1,
    startTimeoutMs: 250,
    onRequest: ({ failure }) => failures.push(failure),
  });
  expect(summary).toEqual({ requests: 1, byPath: { "/": 1 }, failed: 1 });
  expect(failures).toEqual(["ECONNREFUSED"]);
});

test("a signal ends it at once, and what it cut off is no failure", async () => {
  const { url } = await serve(wrongAt("/api/items", () => undefined)); // never answers
  const stop = new AbortController();
  const summary = runClient({ urls: [url], rate: 1000, signal: stop.signal });
  await new Promise((resolve) => setTimeout(resolve, 200));
  stop.abort();
  expect(await summary).toEqual({ requests: 1, byPath: { "/": 1 }, failed: 0 });
});

test("refuses to run without a URL or with one that is not http", async () => {
  await expect(runClient({ urls: [] })).rejects.toThrow(RangeError);
  await expect(runClient({ urls: ["nothing"], requests: 1 })).rejects.toMatchObject({
    code: "ERR_INVALID_URL",
  });
  await expect(runClient({ urls: ["ftp://127.0.0.1/"], requests: 1 })).rejects.toThrow("http");
});
