/** Objects of the API, by list and watch, for as long as it is wanted. */
import {
  ListWatch,
  Watch,
  type KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
} from "@kubernetes/client-node";
import { Backoff } from "../backoff.ts";

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
  readonly list: () => Promise<KubernetesListObject<T>>;
  /** The same that `list` asks for. */
  readonly fieldSelector?: string;
}

/** An informer that goes on after failures, which the client's own does not, and with longer and longer pauses. */
export class ObjectWatch<T extends KubernetesObject> {
  readonly #informer: ListWatch<T>;
  readonly #listener: ObjectWatchListener;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(this.#closing.signal);
  /** Of the attempt that is being made. */
  #failed = false;

  constructor(config: KubeConfig, { path, list, fieldSelector }: Watched<T>, listener: ObjectWatchListener) {
    this.#listener = listener;
    this.#informer = new ListWatch(path, new Watch(config), list, false, undefined, fieldSelector);
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
