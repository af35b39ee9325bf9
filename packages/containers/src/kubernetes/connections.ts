/** What the client keeps to itself: how to end a request that is not answered, and whether a watch ever was. */
import { Watch, type KubeConfig } from "@kubernetes/client-node";

type Authenticated = Parameters<KubeConfig["applySecurityAuthentication"]>[0];
type Dispatcher = NonNullable<ReturnType<Authenticated["getDispatcher"]>>;

/** Nobody answers, although somebody is there. */
export class NoAnswer extends Error {
  /** `patience`: milliseconds. */
  constructor(patience: number) {
    super(`no answer within ${patience / 1000} s`);
  }
}

/** A configuration that remembers what its last request goes by: the client makes a pool of connections for each. */
export class Connections {
  readonly config: KubeConfig;
  #last: Dispatcher | undefined;

  constructor(config: KubeConfig) {
    this.config = Object.assign(Object.create(config) as KubeConfig, {
      applySecurityAuthentication: async (context: Authenticated) => {
        await config.applySecurityAuthentication(context);
        this.#last = context.getDispatcher();
      },
    });
  }

  /** Ends the last request, wherever it is. */
  end(): void {
    void this.#last?.destroy();
  }
}

/** A watch that is silent from the beginning is an error: the client's own takes it for one that has nothing to tell. */
export class AnsweredWatch extends Watch {
  readonly #patience: number;

  /** `patience`: milliseconds. */
  constructor({ config }: Connections, patience: number) {
    super(config);
    this.#patience = patience;
    // Its own name for the time of both, an answer and the next thing to tell.
    Object.assign(this, { requestTimeoutMs: patience });
  }

  override async watch(
    ...[path, query, onEvent, onDone]: Parameters<Watch["watch"]>
  ): Promise<AbortController> {
    let isAnswered = false;
    const ended = (error: unknown): void => {
      const isSilent = !isAnswered && error instanceof Error && error.name === "TimeoutError";
      onDone(isSilent ? new NoAnswer(this.#patience) : error);
    };
    // Resolves when it is answered, or has ended.
    const controller = await super.watch(path, query, onEvent, ended);
    isAnswered = true;
    return controller;
  }
}
