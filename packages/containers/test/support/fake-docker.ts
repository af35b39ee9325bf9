/** A runtime that speaks the part of Docker's HTTP API that is used, at a unix socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { onTestFinished } from "vitest";

export interface FakeContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly Labels?: Readonly<Record<string, string>>;
}

export class FakeDocker {
  readonly socketPath: string;
  readonly containers = new Map<string, FakeContainer>();
  readonly requests: string[] = [];
  /** What `/version` says. */
  components = [{ Name: "Engine", Version: "28.0.0" }];
  /** Answers everything with this status, if it is set. */
  failure: number | undefined;
  #streams: ServerResponse[] = [];
  #writing = Promise.resolve();
  #server: Server | undefined;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), "docker-"));
    this.socketPath = join(directory, "docker.sock");
    onTestFinished(async () => {
      await this.stop();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  /** How many follow the events. */
  get followers(): number {
    return this.#streams.length;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    this.#streams = [];
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Without an event. */
  add(id: string, name: string, image: string, labels: Readonly<Record<string, string>> = {}): void {
    this.containers.set(id, { Id: id, Names: [`/${name}`], Image: image, Labels: labels });
  }

  emit(action: string, id: string, attributes: Readonly<Record<string, string>>): void {
    const event = { Type: "container", Action: action, Actor: { ID: id, Attributes: attributes }, time: 1 };
    // As Docker does it, and cut in two, as a network may do it.
    const line = `${JSON.stringify(event)}\n`;
    for (const part of [line.slice(0, 20), line.slice(20)])
      this.#writing = this.#writing.then(async () => {
        for (const stream of this.#streams) stream.write(part);
        await setImmediate();
      });
  }

  #answer({ url = "" }: IncomingMessage, response: ServerResponse): void {
    this.requests.push(url);
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const id = /^\/containers\/([0-9a-f]{64})\/json$/.exec(pathname)?.[1];
    if (this.failure !== undefined) send(response, this.failure, { message: "as told" });
    else if (pathname === "/version") send(response, 200, { Components: this.components });
    else if (pathname === "/containers/json" && searchParams.get("all") === "true")
      send(response, 200, Array.from(this.containers.values()));
    else if (pathname === "/events") this.#stream(searchParams, response);
    else if (id === undefined) send(response, 404, { message: "page not found" });
    else this.#inspect(id, response);
  }

  #inspect(id: string, response: ServerResponse): void {
    const container = this.containers.get(id);
    if (container === undefined) {
      send(response, 404, { message: `No such container: ${id}` });
      return;
    }
    const { Names, Image, Labels } = container;
    // Here `Image` is the digest; the reference is in the configuration.
    send(response, 200, { Id: id, Name: Names[0], Image: `sha256:${id}`, Config: { Image, Labels } });
  }

  #stream(searchParams: URLSearchParams, response: ServerResponse): void {
    const filters = JSON.parse(searchParams.get("filters") ?? "{}") as { type?: unknown; event?: unknown };
    if (!Array.isArray(filters.type) || !Array.isArray(filters.event)) {
      send(response, 400, { message: "invalid filters" });
      return;
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    this.#streams.push(response);
    response.on("close", () => {
      this.#streams = this.#streams.filter((stream) => stream !== response);
    });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
