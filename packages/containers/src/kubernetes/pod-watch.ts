/** The pods of a node, by list and watch, for as long as it is wanted. */
import { CoreV1Api, ListWatch, Watch, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { Backoff } from "../backoff.ts";

/** Told of pods. The objects are as the API has them. */
export interface PodWatchListener {
  onPod(pod: unknown): void;
  onGone(pod: unknown): void;
  /** All there are have been told. */
  onSynced(): void;
  /** It does not answer, or refuses; there will be more attempts. */
  onFailure(error: unknown): void;
}

/** An informer that goes on after failures, which the client's own does not, and with longer and longer pauses. */
export class PodWatch {
  readonly #informer: ListWatch<V1Pod>;
  readonly #listener: PodWatchListener;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(this.#closing.signal);
  /** Of the attempt that is being made. */
  #failed = false;

  constructor(config: KubeConfig, nodeName: string, listener: PodWatchListener) {
    this.#listener = listener;
    const fieldSelector = `spec.nodeName=${nodeName}`;
    const api = config.makeApiClient(CoreV1Api);
    const list = (): ReturnType<typeof api.listPodForAllNamespaces> =>
      api.listPodForAllNamespaces({ fieldSelector });
    this.#informer = new ListWatch("/api/v1/pods", new Watch(config), list, false, undefined, fieldSelector);
    this.#informer.on("add", (pod) => {
      listener.onPod(pod);
    });
    this.#informer.on("update", (pod) => {
      listener.onPod(pod);
    });
    this.#informer.on("delete", (pod) => {
      listener.onGone(pod);
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
