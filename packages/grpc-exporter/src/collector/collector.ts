import { timingSafeEqual } from "node:crypto";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { ExportError } from "../errors.ts";
import { integer } from "../options.ts";
import { SecretsWatch } from "../tls-watch.ts";
import type { Target } from "../transport/loopback.ts";
import { EXPORT_PATH } from "../transport/session.ts";
import { Exporters } from "./exporters.ts";
import { Listener } from "./listener.ts";
import {
  checkCollectorOptions,
  resolveLimits,
  type CollectorEvent,
  type CollectorOptions,
} from "./options.ts";
import { Rates } from "./rate.ts";
import { widened } from "./windows.ts";
import { ExportStream } from "./stream.ts";

/** What a collector has received so far. */
export interface CollectorStatistics {
  /** Connections that are open. */
  readonly connections: number;
  /** Streams that have said hello and are open. */
  readonly streams: number;
  /** Batches that were written, and records and bytes in them. */
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  /** Batches that came again and were left out. */
  readonly duplicates: number;
  /** Records of a later version, which were left out. */
  readonly unknownRecords: number;
  /** Connections and streams that were turned away. */
  readonly refused: number;
}

/** Receives what exporters send: acknowledges batches when its sink has written them, and leaves out those that come again. */
export class GrpcCollector {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #secrets: SecretsWatch;
  readonly #counts: { -readonly [Key in keyof CollectorStatistics]: number };

  private constructor(
    server: Server,
    listener: Listener,
    secrets: SecretsWatch,
    counts: { -readonly [Key in keyof CollectorStatistics]: number },
  ) {
    this.#server = server;
    this.#listener = listener;
    this.#secrets = secrets;
    this.#counts = counts;
  }

  /**
   * Listens.
   *
   * @throws {@link ExportError} for options or files that cannot be used, or an address that cannot be listened on
   */
  static async start(options: CollectorOptions): Promise<GrpcCollector> {
    checkCollectorOptions(options);
    const { listen, tls, tokenFile, sink } = options;
    const limits = resolveLimits(options.limits);
    const counts = {
      ...{ connections: 0, streams: 0, batches: 0, records: 0, bytes: 0 },
      ...{ duplicates: 0, unknownRecords: 0, refused: 0 },
    };
    const onEvent = (event: CollectorEvent): void => {
      if (event.type === "refused") counts.refused++;
      options.onEvent?.(event);
    };
    let listener: Listener | undefined;
    const secrets = new SecretsWatch({
      ...{ tls, tokenFile, defaultRoots: false },
      intervalMs: integer("reloadIntervalMs", options.reloadIntervalMs, 10_000, 10, 3_600_000),
      onChange: (current) => {
        if (current.tls !== undefined) listener?.renew(current.tls);
        onEvent({ type: "reloaded" });
      },
      onError: (error) => {
        onEvent({ type: "problem", error });
      },
    });
    const server = new Server({
      "grpc.max_receive_message_length": limits.messageBytes,
      "grpc.max_concurrent_streams": limits.streamsPerConnection,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.keepalive_timeout_ms": 10_000,
    });
    const context = {
      ...{ limits, exporters: new Exporters(sink), rates: new Rates(limits.bytesPerSecond), onEvent },
      authorize: (authorization: string | undefined) => authorize(secrets.current.token, authorization),
      onMessage: (peer: string, what: "came" | "done"): void => {
        listener?.countMessage(peer, what);
      },
      onHello: (peer: string, change: 1 | -1): void => {
        counts.streams += change;
        listener?.countStream(peer, change);
      },
      onBatch: (fresh: boolean, records: number, unknownRecords: number, bytes: number): void => {
        counts.duplicates += fresh ? 0 : 1;
        if (!fresh) return;
        counts.batches++;
        counts.records += records;
        counts.unknownRecords += unknownRecords;
        counts.bytes += bytes;
      },
    };
    server.register(
      EXPORT_PATH,
      (call: ServerDuplexStream<Buffer, Uint8Array>) => new ExportStream(call, context),
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      "bidi",
    );
    const injector = widened(server, () =>
      server.createConnectionInjector(ServerCredentials.createInsecure()),
    );
    try {
      listener = await Listener.open({
        ...{ listen, tls: secrets.current.tls, mutual: tls?.ca !== undefined, limits },
        onSocket: (socket) => {
          injector.injectConnection(socket);
        },
        onRefused: (peer, error) => {
          onEvent({ type: "refused", peer, error });
        },
        onProblem: (error) => {
          onEvent({ type: "problem", error });
        },
      });
    } catch (error) {
      secrets.close();
      server.forceShutdown();
      throw error;
    }
    return new GrpcCollector(server, listener, secrets, counts);
  }

  /** Where it listens. */
  get address(): Target {
    return this.#listener.address;
  }

  /** What has happened so far. */
  statistics(): CollectorStatistics {
    return { ...this.#counts, connections: this.#listener.connections };
  }

  /** Ends all streams; what is not acknowledged comes again elsewhere. */
  async close(): Promise<void> {
    this.#secrets.close();
    this.#server.forceShutdown();
    await this.#listener.close();
  }
}

function authorize(token: string | undefined, authorization: string | undefined): ExportError | undefined {
  if (token === undefined) return undefined;
  const [wanted, given] = [Buffer.from(`Bearer ${token}`), Buffer.from(authorization ?? "")];
  if (wanted.length === given.length && timingSafeEqual(wanted, given)) return undefined;
  return new ExportError("ERR_EXPORT_UNAUTHENTICATED", "a token is wanted, and this is not it");
}
