import { getSystemErrorMessage } from "node:util";
import { status, type StatusObject } from "@grpc/grpc-js";
import type { TapRecord } from "@tcptracker/events";
import { BatchMemory } from "./batch-memory.ts";
import { BatchWriter } from "./batch-writer.ts";
import { ExportError, type ExportErrorCode } from "./errors.ts";
import { LossLedger } from "./losses.ts";
import {
  resolveExporterOptions,
  type ExporterEvent,
  type ExporterOptions,
  type ResolvedExporterOptions,
} from "./options.ts";
import { toResource } from "./resource.ts";
import type { ExporterStatistics } from "./statistics.ts";
import { MemoryStore } from "./store/memory-store.ts";
import { SpoolStore } from "./store/spool-store.ts";
import type { BatchStore, Dropped } from "./store/store.ts";
import { SecretsWatch } from "./tls-watch.ts";
import { Backoff } from "./transport/backoff.ts";
import { diagnoseConnection } from "./transport/diagnose.ts";
import { explainStatus, Session } from "./transport/session.ts";
import { Wake } from "./wake.ts";

/** Times that a batch is refused as senseless before it is given up. */
const MOST_REFUSALS = 5;

/** What was left when an exporter was closed. */
export interface Drained {
  /** Batches that are not acknowledged. */
  readonly batches: number;
  /** Those of them that are lost: all without a spool, else those that its disk did not take. The others are sent next time. */
  readonly lost: number;
}

/**
 * Sends records to a collector: in batches, acknowledged, again after a failure, and within bounds: when a collector does not
 * keep up, the oldest are given up and declared by gap records. It never holds its caller up for longer than a write to disk.
 */
export class GrpcExporter {
  readonly #options: ResolvedExporterOptions;
  readonly #store: BatchStore;
  readonly #ledger: LossLedger;
  readonly #memory: BatchMemory;
  readonly #writer: BatchWriter;
  readonly #secrets: SecretsWatch;
  readonly #backoff: Backoff;
  readonly #pause = new Wake();
  readonly #progress = new Wake();
  readonly #running: Promise<void>;
  #session: Session | undefined;
  #connected = false;
  #closing: Promise<Drained> | undefined;
  #closed = false;
  /** The last trouble of each kind since there was a connection. */
  readonly #told = new Map<ExporterEvent["type"], string>();
  #refused = { sequence: 0, times: 0 };
  #sentBatches = 0;
  #sentBytes = 0;
  #resentBatches = 0;
  #connections = 0;
  readonly #failures: Partial<Record<ExportErrorCode, number>> = {};

  private constructor(
    options: ResolvedExporterOptions,
    store: BatchStore,
    ledger: LossLedger,
    secrets: SecretsWatch,
  ) {
    this.#options = options;
    this.#store = store;
    this.#ledger = ledger;
    const { batchBytes, windowBytes } = options;
    // A full batch is longer than `batchBytes` by a part of its last record, its sums and its resource.
    this.#memory = new BatchMemory(batchBytes + batchBytes / 8, windowBytes);
    this.#writer = new BatchWriter(options, store, ledger, this.#memory, () => this.#session?.notify());
    this.#backoff = new Backoff(options.backoff);
    this.#secrets = secrets;
    this.#running = this.#run();
  }

  /**
   * Opens the spool, if there is one, and begins to connect. A collector that is not there is no error: it may come.
   *
   * @throws {@link ExportError} for options, files of TLS and token, or a spool that cannot be used
   */
  static async start(options: ExporterOptions): Promise<GrpcExporter> {
    const resolved = resolveExporterOptions(options);
    const { tls, tokenFile, reloadIntervalMs, spool, spoolBytes, queueBytes } = resolved;
    let running: GrpcExporter | undefined;
    const tellProblem = (error: ExportError): void => {
      if (running !== undefined) running.#tell({ type: "problem", error });
    };
    const secrets = new SecretsWatch({
      ...{ tls, tokenFile, defaultRoots: true, intervalMs: reloadIntervalMs },
      onChange: () => {
        if (running !== undefined) running.#onReloaded();
      },
      onError: tellProblem,
    });
    const ledger = new LossLedger();
    const onDropped = (dropped: Dropped): void => {
      if (running !== undefined) running.#writer.noteLoss();
      if (dropped.bytes === undefined) ledger.loseUnread(dropped.batches, dropped.cause);
      else ledger.lose(dropped.bytes, dropped.cause);
    };
    try {
      if (spool === undefined) {
        const store = new MemoryStore(queueBytes, onDropped);
        running = new GrpcExporter(resolved, store, ledger, secrets);
      } else {
        const onError = (cause: unknown): void => {
          tellProblem(
            new ExportError("ERR_EXPORT_SPOOL", `cannot write to the spool ${spool}: ${reasonOf(cause)}`, {
              cause,
            }),
          );
        };
        const store = await SpoolStore.open(
          { directory: spool, limit: spoolBytes, memory: queueBytes, onError },
          onDropped,
        );
        running = new GrpcExporter(resolved, store, ledger, secrets);
      }
      return running;
    } catch (error) {
      secrets.close();
      throw error;
    }
  }

  /** Whether records go out encrypted. */
  get encrypted(): boolean {
    return this.#options.tls !== undefined;
  }

  /**
   * Takes records. Resolves when they are in a batch, and the batches that are full are stored.
   *
   * @throws {@link ExportError} ERR_EXPORT_CLOSED after `close()`
   */
  write(records: readonly TapRecord[]): Promise<void> {
    return this.#writer.write(records);
  }

  /**
   * Takes a batch of the kernel's records as the ring has given it, without an object per record. `epoch`: nanoseconds to
   * add to the kernel's clock, as `clock.toEpoch(0n)`.
   */
  writeRaw(batch: Uint8Array, epoch: bigint): Promise<void> {
    return this.#writer.writeRaw(batch, epoch);
  }

  /** Makes a batch of what there is. Resolves when it is stored. */
  flush(): Promise<void> {
    return this.#writer.seal();
  }

  /** What has happened so far. */
  statistics(): ExporterStatistics {
    const store = this.#store;
    return {
      connected: this.#connected,
      ...this.#writer.written,
      sentBatches: this.#sentBatches,
      sentBytes: this.#sentBytes,
      resentBatches: this.#resentBatches,
      acknowledged: store.acknowledged,
      waitingBatches: store.batches,
      inFlightBatches: this.#session?.inFlightBatches ?? 0,
      inFlightBytes: this.#session?.inFlightBytes ?? 0,
      queueBytes: store.memoryBytes,
      spoolBytes: this.#options.spool === undefined ? 0 : store.bytes,
      connections: this.#connections,
      failures: { ...this.#failures },
      losses: structuredClone(this.#ledger.totals),
    };
  }

  /**
   * Sends what there is, waits for its acknowledgement for up to `timeoutMs` milliseconds, and ends. Safe to call again.
   */
  close(timeoutMs = 10_000): Promise<Drained> {
    this.#closing ??= this.#drain(timeoutMs);
    return this.#closing;
  }

  async #drain(timeoutMs: number): Promise<Drained> {
    const deadline = performance.now() + timeoutMs;
    await this.#writer.end();
    // What is lost while draining, or could not be declared before, is declared as soon as there is room.
    const wakeUp = setInterval(() => this.#progress.call(), 50);
    while (performance.now() < deadline && (this.#store.batches > 0 || this.#ledger.owes)) {
      await this.#writer.declare();
      await this.#progress.wait();
    }
    clearInterval(wakeUp);
    this.#closed = true;
    this.#session?.abort();
    this.#pause.call();
    await this.#running;
    this.#secrets.close();
    const lost = await this.#writer.keepRest();
    const { batches } = this.#store;
    this.#store.close();
    return { batches, lost };
  }

  /** One session after the other, until the exporter is closed. */
  async #run(): Promise<void> {
    // The constructor's caller sees its events, too.
    await Promise.resolve();
    while (!this.#closed) {
      let welcomed = false;
      const session = this.#connect(() => (welcomed = true));
      this.#session = session;
      const end = await session.run();
      this.#session = undefined;
      this.#connected = false;
      if (this.#isClosed() || end === undefined) continue;
      const error = await this.#explain(end, welcomed);
      this.#failures[error.code] = (this.#failures[error.code] ?? 0) + 1;
      this.#tell({ type: "disconnected", error });
      if ("code" in end && end.code === status.INVALID_ARGUMENT) await this.#onRefused();
      const timer = setTimeout(() => this.#pause.call(), this.#backoff.next());
      if (!this.#isClosed()) await this.#pause.wait();
      clearTimeout(timer);
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #connect(onWelcome: () => void): Session {
    const { target, windowBytes, connectTimeoutMs, ackTimeoutMs, resource } = this.#options;
    const store = this.#store;
    const hello = {
      exporterId: store.id,
      resource: toResource(resource),
      acknowledgedBatch: BigInt(store.acknowledged),
    };
    return new Session(
      {
        ...{ target, hello, window: windowBytes, connectTimeout: connectTimeoutMs, ackTimeout: ackTimeoutMs },
        ...this.#secrets.current,
        onWelcome: () => {
          onWelcome();
          this.#connected = true;
          this.#connections++;
          this.#tell({ type: "connected" });
        },
        onSent: (again, bytes) => {
          this.#sentBatches++;
          this.#sentBytes += bytes;
          if (again) this.#resentBatches++;
        },
        onAcknowledged: () => {
          this.#backoff.reset();
          this.#progress.call();
        },
        onReleased: (bytes) => {
          this.#memory.release(bytes);
        },
      },
      store,
    );
  }

  /** gRPC says "unavailable" for most of what can be wrong with a connection. */
  async #explain(end: StatusObject | ExportError, welcomed: boolean): Promise<ExportError> {
    const { target } = this.#options;
    const unclear = end instanceof ExportError || end.code === status.UNAVAILABLE;
    if (unclear && !welcomed && !this.#closed) {
      const reason = await diagnoseConnection(target, this.#secrets.current.tls);
      if (reason !== undefined) return reason;
    }
    return end instanceof ExportError ? end : explainStatus(end, target);
  }

  /** The collector says that a batch makes no sense: it is the first one that is not acknowledged. */
  async #onRefused(): Promise<void> {
    const first = await this.#store.next(this.#store.acknowledged);
    if (first === undefined) return;
    const times = first.sequence === this.#refused.sequence ? this.#refused.times + 1 : 1;
    this.#refused = { sequence: first.sequence, times };
    if (times >= MOST_REFUSALS) await this.#store.reject(first.sequence);
  }

  #onReloaded(): void {
    this.#tell({ type: "reloaded" });
    // A new session takes the new files; what this one has sent is acknowledged first.
    this.#session?.leave();
    this.#pause.call();
  }

  #tell(event: ExporterEvent): void {
    if (event.type === "connected") this.#told.clear();
    if ("error" in event) {
      if (this.#told.get(event.type) === event.error.message) return;
      this.#told.set(event.type, event.error.message);
    }
    this.#options.onEvent(event);
  }
}

/** Without the file's name, which is another one each time. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { errno, code, message } = cause as NodeJS.ErrnoException;
  return errno === undefined || code === undefined ? message : `${code}: ${getSystemErrorMessage(errno)}`;
}
