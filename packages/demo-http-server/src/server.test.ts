import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { startServer, type RunningServer, type ServerOptions } from "./index.ts";

const running: RunningServer[] = [];

async function start(options: ServerOptions = {}): Promise<{ server: RunningServer; url: string }> {
  const server = await startServer(options);
  running.push(server);
  const [url] = server.urls;
  if (url === undefined) throw new Error("the server listens nowhere");
  return { server, url };
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

test("greets on IPv4 and on IPv6", async () => {
  const { server } = await start({ ipv6: true });
  expect(server.urls).toHaveLength(2);
  expect(server.urls[0]).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(server.urls[1]).toMatch(/^http:\/\/\[::1\]:\d+$/);
  for (const url of server.urls) {
    const response = await fetch(url);
    expect(await response.text()).toBe("hello from the demo server\n");
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  }
  expect(server.requests).toBe(2);
});

test("listens on IPv6 alone when the host is an IPv6 address", async () => {
  const { server, url } = await start({ host: "::1", ipv6: true });
  expect(server.urls).toHaveLength(1);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
});

test("serves items as JSON", async () => {
  const { url } = await start();
  const response = await fetch(`${url}/api/items`);
  expect(response.headers.get("content-type")).toBe("application/json");
  const body = (await response.json()) as { items: { name: string }[] };
  expect(body.items.map((item) => item.name)).toEqual(["teapot", "cup", "tray"]);
});

test("echoes a body byte for byte, with its content type", async () => {
  const { url } = await start();
  const sent = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 7) & 0xff);
  const response = await fetch(`${url}/api/echo`, {
    method: "POST",
    headers: { "content-type": "image/png" },
    body: sent,
  });
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(sent);
});

test("refuses to echo more than its limit", async () => {
  const { url } = await start();
  const response = await fetch(`${url}/api/echo`, {
    method: "POST",
    body: new Uint8Array(8 * 1024 * 1024 + 1),
  });
  expect(response.status).toBe(413);
});

test.each([0, 1, 65_535, 65_536, 65_537, 1_048_576])("serves a large body of %i bytes", async (size) => {
  const { url } = await start();
  const response = await fetch(`${url}/large?bytes=${size}`);
  const body = new Uint8Array(await response.arrayBuffer());
  expect(response.headers.get("content-length")).toBe(String(size));
  expect(body.length).toBe(size);
  const digest = createHash("sha256").update(body).digest("base64");
  expect(response.headers.get("content-digest")).toBe(`sha-256=:${digest}:`);
});

test("serves the same megabyte each time when no size is given", async () => {
  const { url } = await start();
  const [first, second] = await Promise.all(
    [1, 2].map(async () => Buffer.from(await (await fetch(`${url}/large`)).arrayBuffer())),
  );
  expect(first?.length).toBe(1024 * 1024);
  expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
});

test("a client that leaves in the middle of a large body does no harm", async () => {
  const { url, server } = await start();
  const request = httpRequest(`${url}/large?bytes=200000000`, { agent: false });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  await once(response, "data");
  response.destroy();
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(server.requests).toBe(1);
});

test("sends /chunked in several chunks, without a length", async () => {
  const { url } = await start();
  const response = await fetch(`${url}/chunked`);
  expect(response.headers.get("transfer-encoding")).toBe("chunked");
  expect(response.headers.get("content-length")).toBeNull();
  const body = await response.text();
  expect(body).toMatch(/^first chunk\nsecond chunk/);
  expect(body).toMatch(/last chunk\n$/);
  expect(response.headers.get("content-digest")).toBe(
    `sha-256=:${createHash("sha256").update(body).digest("base64")}:`,
  );
});

test("is as slow as asked", async () => {
  const { url } = await start();
  const before = performance.now();
  expect(await (await fetch(`${url}/slow?ms=80`)).text()).toBe("waited 80 ms\n");
  // Timers may fire a fraction of a millisecond early.
  expect(performance.now() - before).toBeGreaterThan(78);
});

test.each([
  ["GET", "/nothing", 404],
  ["GET", "/api/echo", 405],
  ["DELETE", "/", 405],
  ["GET", "/large?bytes=-1", 400],
  ["GET", "/large?bytes=99999999999", 400],
  ["GET", "/slow?ms=forever", 400],
  ["HEAD", "/", 200],
  ["HEAD", "/large", 200],
])("answers %s %s with %i", async (method, path, status) => {
  const { url } = await start();
  const response = await fetch(url + path, { method });
  expect(response.status).toBe(status);
  await response.arrayBuffer();
});

test("keeps a connection for the next request", async () => {
  const { url } = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const reused: boolean[] = [];
  for (let i = 0; i < 3; i += 1) {
    const request = httpRequest(url, { agent });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    response.resume();
    await once(response, "end");
    reused.push(request.reusedSocket);
  }
  agent.destroy();
  expect(reused).toEqual([false, true, true]);
});

test("close lets a request in progress finish and can be called twice", async () => {
  const { server, url } = await start();
  const answer = fetch(`${url}/slow?ms=200`).then((response) => response.text());
  // Another request after it: when that is answered, the slow one has arrived.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await (await fetch(`${url}/healthz`)).text();
  const before = performance.now();
  await server.close();
  expect(performance.now() - before).toBeLessThan(1500); // the limit for requests that hang is 2 s
  expect(await answer).toBe("waited 200 ms\n");
  await server.close();
  await expect(fetch(url)).rejects.toThrow();
});

test("fails with EADDRINUSE when the port is taken, in either family, and leaves nothing open", async () => {
  const blocker = createServer().listen({ port: 0, host: "::1" });
  await once(blocker, "listening");
  const address = blocker.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  const { port } = address;
  await expect(startServer({ host: "::1", port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(startServer({ port, ipv6: true })).rejects.toMatchObject({ code: "EADDRINUSE" });
  const { url } = await start({ port });
  expect((await fetch(url)).status).toBe(200);
  blocker.close();
});
