import type { ContainerRuntime, PodIdentity } from "@tcptracker/events";
import { Backoff } from "../backoff.ts";
import { ContainersError } from "../errors.ts";
import type { ContainerFacts, IdentityListener, IdentitySource } from "../identity-source.ts";
import { LivingMap } from "../living-map.ts";
import { member, textAt } from "../untyped.ts";
import { readEvent, readInspected, readListed, readRuntime, type ToldContainer } from "./docker-messages.ts";
import { followJson, getJson, HttpStatusError } from "./unix-http.ts";

/** Containers remembered that are gone. */
const MOST_DEPARTED = 8_192;

/** How long an answer may take, in milliseconds. */
const ANSWER_TIMEOUT = 10_000;

/** How long the start of the stream of events is waited for: some send nothing before the first one, in milliseconds. */
const STREAM_PATIENCE = 1_000;

/** A connection that has held for so long was a good one, in milliseconds. */
const STEADY = 5_000;

/** What Docker calls it, and Podman. */
const REMOVALS = ["destroy", "remove"];

/** A container exists before it is started: `create` tells its name before its first process runs. */
const EVENTS = encodeURIComponent(
  JSON.stringify({ type: ["container"], event: ["create", "start", "rename", ...REMOVALS] }),
);

/** Where to ask. */
export interface DockerSourceOptions {
  readonly socketPath: string;
  /** Whether it is a problem that there is no socket. Default true; false for paths where one might be. */
  readonly expected?: boolean;
}

/** Names and images from Docker, or from Podman, which speaks the same: by one list, then by their events. */
export class DockerSource implements IdentitySource {
  readonly name: string;
  readonly #socketPath: string;
  readonly #expected: boolean;
  readonly #containers = new LivingMap<string, ContainerFacts>(MOST_DEPARTED);
  readonly #closing = new AbortController();
  #listener: IdentityListener | undefined;
  #runtime: ContainerRuntime = "docker";
  #connected = false;
  /** Of the last problem that was told, so that each is told once. */
  #problem: string | undefined;

  constructor({ socketPath, expected = true }: DockerSourceOptions) {
    this.name = `the container runtime at ${socketPath}`;
    this.#socketPath = socketPath;
    this.#expected = expected;
  }

  get isConnected(): boolean {
    return this.#connected;
  }

  start(listener: IdentityListener): Promise<void> {
    this.#listener = listener;
    const first = Promise.withResolvers<undefined>();
    void this.#run(() => {
      first.resolve(undefined);
    });
    return first.promise;
  }

  container(id: string): ContainerFacts | undefined {
    return this.#containers.get(id);
  }

  /** Pods are known to it by their containers only. */
  pod(): PodIdentity | undefined {
    return undefined;
  }

  ask({ id }: { readonly id: string }): Promise<void> | undefined {
    if (!this.#connected || this.#containers.get(id) !== undefined) return undefined;
    return this.#get(`/containers/${id}/json`)
      .then((json) => {
        const told = readInspected(json, this.#runtime);
        if (told !== undefined) this.#learn(told);
      })
      .catch(() => {
        // It is another runtime's, or gone. If this one is, its events end, and that is told.
      });
  }

  close(): void {
    this.#closing.abort();
    this.#connected = false;
  }

  #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(onAttempt: () => void): Promise<void> {
    const backoff = new Backoff(this.#closing.signal);
    while (!this.#isClosed()) {
      const begin = performance.now();
      try {
        await this.#follow(onAttempt);
      } catch (error) {
        if (!this.#isClosed()) this.#onFailure(error);
      }
      this.#connected = false;
      // One that ends every stream at once is not asked for lists all the time.
      if (performance.now() - begin > STEADY) backoff.reset();
      onAttempt();
      await backoff.wait();
    }
  }

  /** Until the stream of events ends. */
  async #follow(onListed: () => void): Promise<void> {
    this.#runtime = readRuntime(await this.#get("/version"));
    const stream = new AbortController();
    const opened = Promise.withResolvers<undefined>();
    const signal = AbortSignal.any([stream.signal, this.#closing.signal]);
    const following = this.#followEvents(signal, () => {
      opened.resolve(undefined);
    });
    try {
      // First the events, then the list, so that nobody is in neither.
      await Promise.race([opened.promise, following, patience(STREAM_PATIENCE)]);
      await this.#list();
      this.#connected = true;
      this.#problem = undefined;
      onListed();
      await following;
    } finally {
      stream.abort();
      await following.catch(() => undefined);
    }
  }

  async #followEvents(signal: AbortSignal, onOpen: () => void): Promise<void> {
    for await (const event of followJson(this.#socketPath, `/events?filters=${EVENTS}`, signal, onOpen)) {
      const told = readEvent(event, this.#runtime);
      if (told === undefined) continue;
      if (REMOVALS.includes(textAt(event, "Action") ?? "")) this.#containers.depart(told.id);
      else this.#learn(told);
    }
  }

  async #list(): Promise<void> {
    const list = await this.#get("/containers/json?all=true");
    if (!Array.isArray(list)) throw new TypeError("the list of containers is no list");
    const listed = list
      .map((item: unknown) => readListed(item, this.#runtime))
      .filter((told) => told !== undefined);
    this.#containers.keep(new Set(listed.map(({ id }) => id)));
    for (const told of listed) this.#learn(told);
  }

  #learn(told: ToldContainer): void {
    this.#containers.set(told.id, told.facts);
    this.#listener?.onContainer(told.id);
  }

  #get(path: string): Promise<unknown> {
    const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_TIMEOUT), this.#closing.signal]);
    return getJson(this.#socketPath, path, signal);
  }

  #onFailure(error: unknown): void {
    const code = textAt(error, "code");
    if (code === "ENOENT" && !this.#expected) return;
    const reason = code ?? (error instanceof Error ? error.message : String(member(error, "message")));
    if (reason === this.#problem) return;
    this.#problem = reason;
    const remedy =
      code === "EACCES"
        ? "run as a user who may use the socket"
        : error instanceof HttpStatusError
          ? "is it the socket of Docker, or of Podman?"
          : "trying again";
    const message = `${this.name} does not answer (${reason}): its new containers have no names; ${remedy}`;
    this.#listener?.onProblem(new ContainersError("ERR_CONTAINERS_RUNTIME", message, { cause: error }));
  }
}

function patience(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
