import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { chunkedPieces, contentDigest, items, largeBody } from "./content.ts";

/** The largest body of `POST /api/echo`, in bytes. */
const MAX_ECHO_BYTES = 8 * 1024 * 1024;
/** The largest body of `GET /large`, in bytes. */
const MAX_LARGE_BYTES = 256 * 1024 * 1024;
const DEFAULT_LARGE_BYTES = 1024 * 1024;
const MAX_SLOW_MS = 10_000;
const DEFAULT_SLOW_MS = 500;
/** Pause between two writes of `/chunked`: long enough that each is a write of its own on the socket. */
const CHUNK_PAUSE_MS = 5;

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

function sendJson(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value) + "\n";
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** Reads a whole number from the query; undefined when it is not one between 0 and `most`. */
function queryNumber(url: URL, name: string, fallback: number, most: number): number | undefined {
  const text = url.searchParams.get(name);
  if (text === null) return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return value <= most ? value : undefined;
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= MAX_ECHO_BYTES) pieces.push(piece);
  }
  if (size > MAX_ECHO_BYTES) {
    sendText(response, 413, `the body is larger than ${MAX_ECHO_BYTES} bytes\n`);
    return;
  }
  const body = Buffer.concat(pieces);
  response.writeHead(200, {
    "content-type": request.headers["content-type"] ?? "application/octet-stream",
    "content-length": body.length,
  });
  response.end(body);
}

async function large(_request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const size = queryNumber(url, "bytes", DEFAULT_LARGE_BYTES, MAX_LARGE_BYTES);
  if (size === undefined) {
    sendText(response, 400, `bytes must be a whole number up to ${MAX_LARGE_BYTES}\n`);
    return;
  }
  response.writeHead(200, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": size,
    "content-digest": contentDigest(largeBody(size)),
  });
  await pipeline(largeBody(size), response);
}

async function chunked(_request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/plain; charset=utf-8",
    "content-digest": contentDigest(chunkedPieces.map((piece) => Buffer.from(piece))),
  });
  for (const piece of chunkedPieces) {
    if (response.destroyed) return;
    response.write(piece);
    await delay(CHUNK_PAUSE_MS);
  }
  response.end();
}

async function slow(_request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const ms = queryNumber(url, "ms", DEFAULT_SLOW_MS, MAX_SLOW_MS);
  if (ms === undefined) {
    sendText(response, 400, `ms must be a whole number up to ${MAX_SLOW_MS}\n`);
    return;
  }
  await delay(ms);
  sendText(response, 200, `waited ${ms} ms\n`);
}

const routes: ReadonlyMap<string, { readonly method: "GET" | "POST"; readonly handle: Handler }> = new Map([
  [
    "/",
    {
      method: "GET",
      handle: (_request, response) => {
        sendText(response, 200, "hello from the demo server\n");
      },
    },
  ],
  [
    "/api/items",
    {
      method: "GET",
      handle: (_request, response) => {
        sendJson(response, { items });
      },
    },
  ],
  ["/api/echo", { method: "POST", handle: echo }],
  ["/large", { method: "GET", handle: large }],
  ["/chunked", { method: "GET", handle: chunked }],
  ["/slow", { method: "GET", handle: slow }],
  [
    "/healthz",
    {
      method: "GET",
      handle: (_request, response) => {
        sendText(response, 200, "ok\n");
      },
    },
  ],
]);

/** Answers one request. HEAD is answered like GET, without the body. */
export async function handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
  // Only path and query count: the base is there because URL wants one.
  const url = URL.parse(request.url ?? "/", "http://demo.invalid");
  const route = url === null ? undefined : routes.get(url.pathname);
  const method = request.method === "HEAD" ? "GET" : request.method;
  if (url === null || route === undefined) {
    sendText(response, 404, "not found\n");
  } else if (method !== route.method) {
    response.setHeader("allow", route.method === "GET" ? "GET, HEAD" : route.method);
    sendText(response, 405, "method not allowed\n");
  } else {
    await route.handle(request, response, url);
  }
}
