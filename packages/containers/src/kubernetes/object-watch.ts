/** Objects of the API, by list and watch, for as long as it is wanted. */
import {
  CoreV1Api,
  ListWatch,
  type KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
} from "@kubernetes/client-node";
import { Backoff } from "../backoff.ts";
import { AnsweredWatch, Connections, NoAnswer } from "./connections.ts";

/** Milliseconds that a list may take, and a watch until it is there. */
const ANSWER_PATIENCE = 30_000;

/** Told of objects, which are as the API has them. */
export interface ObjectWatchListener {
  /** The informer keeps the object: what is taken off it does not take memory. */
  onObject(object: KubernetesObject): void;
  onGone(object: KubernetesObject): void;
  /** All there are have been told. */
  onSynced(): void;
  /** It does not answer, or refuses; there will be more attempts. */
  onFailure(error: unknown): void;
}

/** Which objects. */
export interface Watched<T extends KubernetesObject> {
  /** Such as `/api/v1/pods`. */
  readonly path: string;
  readonly list: (api: CoreV1Api) => Promise<KubernetesListObject<T>>;
  /** The same that `list` asks for. */
  readonly fieldSelector?: string;
}

/** An informer that goes on after failures, which the client's own does not, and with longer and longer pauses. */
export class ObjectWatch<T extends KubernetesObject> {
  readonly #informer: ListWatch<T>;
  readonly #listener: ObjectWatchListener;
  readonly #connections: Connections;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(this.#closing.signal);
  /** Of the attempt that is being made. */
  #failed = false;

  /** `patience`: milliseconds for an answer. */
  constructor(
    config: KubeConfig,
    { path, list, fieldSelector }: Watched<T>,
    listener: ObjectWatchListener,
    patience: number = ANSWER_PATIENCE,
  ) {
    this.#listener = listener;
    this.#connections = new Connections(config);
    const api = this.#connections.config.makeApiClient(CoreV1Api);
    this.#informer = new ListWatch(
      path,
      new AnsweredWatch(this.#connections, patience),
      () => this.#within(patience, list(api)),
      ...([false, undefined, fieldSelector] as const),
    );
    this.#informer.on("add", (object) => {
      listener.onObject(object);
    });
    this.#informer.on("update", (object) => {
      listener.onObject(object);
    });
    this.#informer.on("delete", (object) => {
      listener.onGone(object);
    });
    this.#informer.on("error", (error: unknown) => {
      this.#onError(error);
    });
  }

  start(): void {
    void this.#attempt();
  }

  close(): void {
    this.#closing.abort();
    void this.#informer.stop();
    // Whoever waits for an answer would keep the process alive.
    this.#connections.end();
  }

  async #within<Answer>(patience: number, answer: Promise<Answer>): Promise<Answer> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(new NoAnswer(patience));
      this.#connections.end();
    }, patience);
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #attempt(): Promise<void> {
    this.#failed = false;
    try {
      // Lists, and goes on when the watch is there.
      await this.#informer.start();
    } catch (error) {
      // Such as a token that cannot be read.
      this.#onError(error);
    }
    if (this.#isOver()) return;
    this.#backoff.reset();
    this.#listener.onSynced();
  }

  /** Whether the attempt has failed, or nobody wants it any more. */
  #isOver(): boolean {
    return this.#failed || this.#closing.signal.aborted;
  }

  /** The informer has stopped. */
  #onError(error: unknown): void {
    if (this.#isOver()) return;
    this.#failed = true;
    this.#listener.onFailure(error);
    void this.#retry();
  }

  async #retry(): Promise<void> {
    await this.#backoff.wait();
    if (!this.#closing.signal.aborted) await this.#attempt();
  }
}
