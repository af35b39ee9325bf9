import { ExportError } from "../errors.ts";
import { integer } from "../options.ts";
import type { ExportResource } from "../resource.ts";
import { formatTarget, isLoopback, type Target } from "../transport/loopback.ts";
import type { TlsFiles } from "../transport/tls-files.ts";
import type { BatchSink } from "./received.ts";

const MIB = 1024 ** 2;

/** What a collector takes from anybody. */
export interface CollectorLimits {
  /** Bytes of a message, 64 KiB to 64 MiB; default 1 MiB. */
  readonly messageBytes: number;
  /** Connections at the same time, default 4096; and of them from one address, default 256. */
  readonly connections: number;
  readonly connectionsPerPeer: number;
  /** Streams on one connection; default 1, as an exporter has it. */
  readonly streamsPerConnection: number;
  /** Milliseconds until a message that was begun has to be whole; default 30,000. Those of less than 64 KiB may take longer. */
  readonly messageMs: number;
  /**
   * Bytes of all messages that were begun and are not whole; default 256 MiB. What waits because the sink is slow is not among them. Beyond it connections with the most are closed. They are
   * looked at once a second. With more than one stream on a connection, not all of them are counted.
   */
  readonly unfinishedBytes: number;
  /** Milliseconds until a connection without a stream that has said hello is closed; default 10,000. */
  readonly idleMs: number;
  /** Bytes a second from one address; more is read later. Default: no limit (0). */
  readonly bytesPerSecond: number;
}

/** What a collector can be told. */
export interface CollectorOptions {
  /** Where to listen; port 0 for any. */
  readonly listen: Target;
  /** The certificate and key to serve with. With `ca`, agents need a certificate of one of these authorities. */
  readonly tls?: TlsFiles;
  /** Plaintext on an address that is not loopback. */
  readonly insecure?: boolean;
  /** A file with a bearer token that agents have to show. */
  readonly tokenFile?: string;
  /** Where batches go. */
  readonly sink: BatchSink;
  readonly limits?: Partial<CollectorLimits>;
  /** Milliseconds between looks at whether files of TLS and token have changed; default 10,000. */
  readonly reloadIntervalMs?: number;
  readonly onEvent?: (event: CollectorEvent) => void;
}

/** What happens to a collector. */
export type CollectorEvent =
  | { readonly type: "connected"; readonly peer: string; readonly resource: ExportResource }
  | { readonly type: "disconnected"; readonly peer: string }
  /** A connection or stream that was turned away, or ended because of what came. */
  | { readonly type: "refused"; readonly peer: string; readonly error: ExportError }
  | { readonly type: "reloaded" }
  | { readonly type: "problem"; readonly error: ExportError };

/** @throws {@link ExportError} ERR_EXPORT_OPTION for a value out of range */
export function resolveLimits(limits: Partial<CollectorLimits> = {}): CollectorLimits {
  return {
    messageBytes: integer("messageBytes", limits.messageBytes, MIB, 64 * 1024, 64 * MIB),
    connections: integer("connections", limits.connections, 4096, 1, 1_000_000),
    connectionsPerPeer: integer("connectionsPerPeer", limits.connectionsPerPeer, 256, 1, 1_000_000),
    streamsPerConnection: integer("streamsPerConnection", limits.streamsPerConnection, 1, 1, 1000),
    messageMs: integer("messageMs", limits.messageMs, 30_000, 10, 3_600_000),
    unfinishedBytes: integer(
      "unfinishedBytes",
      limits.unfinishedBytes,
      256 * MIB,
      MIB,
      Number.MAX_SAFE_INTEGER,
    ),
    idleMs: integer("idleMs", limits.idleMs, 10_000, 10, 3_600_000),
    bytesPerSecond: integer("bytesPerSecond", limits.bytesPerSecond, 0, 0, Number.MAX_SAFE_INTEGER),
  };
}

/**
 * Whether what the options ask for may be done.
 *
 * @throws {@link ExportError} ERR_EXPORT_PLAINTEXT, ERR_EXPORT_OPTION
 */
export function checkCollectorOptions({ listen, tls, insecure }: CollectorOptions): void {
  if (tls !== undefined && insecure === true)
    throw new ExportError("ERR_EXPORT_OPTION", "files for TLS make no sense with plaintext (insecure)");
  if (tls !== undefined && tls.cert === undefined)
    throw new ExportError("ERR_EXPORT_OPTION", "TLS needs a certificate and its key to serve with");
  if (tls === undefined && insecure !== true && !isLoopback(listen.host))
    throw new ExportError(
      "ERR_EXPORT_PLAINTEXT",
      `plaintext on ${formatTarget(listen)} could be read by others; give a certificate and key (tls; --tls-cert and --tls-key), or say that it may be (insecure; --insecure)`,
    );
}
