import { ExportError } from "./errors.ts";
import type { ExportResource } from "./resource.ts";
import type { BackoffOptions } from "./transport/backoff.ts";
import { formatTarget, isLoopback, type Target } from "./transport/loopback.ts";
import type { TlsFiles } from "./transport/tls-files.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** What an exporter can be told. All but `target` and `resource` has a default. */
export interface ExporterOptions {
  /** The collector. */
  readonly target: Target;
  /** What the records come from; see `readResource`. */
  readonly resource: ExportResource;
  /**
   * TLS with these files; `{}` trusts what the system trusts. Default: TLS like this, but plaintext to a loopback address.
   */
  readonly tls?: TlsFiles;
  /** Plaintext, wherever the collector is. Does not go with `tls`. */
  readonly insecure?: boolean;
  /** A file with a bearer token for the collector. */
  readonly tokenFile?: string;
  /** A directory for batches that wait, so that they outlive this process. Default: they wait in memory only. */
  readonly spool?: string;
  /** Bytes of the spool on disk, 1 MiB to 1 TiB; default 1 GiB. Beyond it the oldest batches are given up and declared. */
  readonly spoolBytes?: number;
  /** Bytes of batches in memory, 1 MiB to 4 GiB; default 64 MiB. Without a spool, beyond it the oldest are given up. */
  readonly queueBytes?: number;
  /** Bytes at which a batch is sent, 32 KiB to 256 KiB; default 128 KiB. */
  readonly batchBytes?: number;
  /** Milliseconds after which it is sent anyway, 1 to 60,000; default 200. */
  readonly batchAgeMs?: number;
  /** Bytes that may be sent and not acknowledged, 256 KiB to 64 MiB; default 4 MiB, at most a quarter of what may wait. */
  readonly windowBytes?: number;
  /** Milliseconds to wait for a connection and a welcome; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds to wait for an acknowledgement before the stream is given up; default 30,000. */
  readonly ackTimeoutMs?: number;
  /** Between attempts to connect. */
  readonly backoff?: BackoffOptions;
  /** Milliseconds between looks at whether files of TLS and token have changed; default 10,000. */
  readonly reloadIntervalMs?: number;
  /** Told when the exporter is connected, when it no longer is and why, and of trouble with files and disk. */
  readonly onEvent?: (event: ExporterEvent) => void;
}

/** What happens to an exporter. The same trouble is not told twice in a row of its kind, until there is a connection again. */
export type ExporterEvent =
  | { readonly type: "connected" }
  | { readonly type: "disconnected"; readonly error: ExportError }
  | { readonly type: "reloaded" }
  | { readonly type: "problem"; readonly error: ExportError };

/** Options with every default filled in and every value checked. */
export interface ResolvedExporterOptions extends Required<
  Omit<ExporterOptions, "tls" | "insecure" | "tokenFile" | "spool">
> {
  /** Undefined: plaintext. */
  readonly tls: TlsFiles | undefined;
  readonly tokenFile: string | undefined;
  readonly spool: string | undefined;
}

/** A whole number in a range, or the default. @throws {@link ExportError} ERR_EXPORT_OPTION */
export function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  low: number,
  high: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  throw new ExportError(
    "ERR_EXPORT_OPTION",
    `${name} must be a whole number from ${low} to ${high}, not ${value}`,
  );
}

/**
 * Whether to use TLS, and with which files; undefined for plaintext.
 *
 * @throws {@link ExportError} ERR_EXPORT_OPTION for TLS that is insecure
 */
export function resolveTls(
  { host }: Target,
  tls: TlsFiles | undefined,
  insecure: boolean | undefined,
): TlsFiles | undefined {
  if (insecure === true && tls !== undefined)
    throw new ExportError("ERR_EXPORT_OPTION", "files for TLS make no sense with plaintext (insecure)");
  if (insecure === true) return undefined;
  return tls ?? (isLoopback(host) ? undefined : {});
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws {@link ExportError} ERR_EXPORT_OPTION for a value out of range, ERR_EXPORT_PLAINTEXT for a token that would be
 * readable on its way
 */
export function resolveExporterOptions(options: ExporterOptions): ResolvedExporterOptions {
  const { target, resource, spool, tokenFile } = options;
  const queueBytes = integer("queueBytes", options.queueBytes, 64 * MIB, MIB, 4 * GIB);
  const spoolBytes = integer("spoolBytes", options.spoolBytes, GIB, MIB, 1024 * GIB);
  const windowBytes = integer("windowBytes", options.windowBytes, 4 * MIB, 256 * KIB, 64 * MIB);
  const tls = resolveTls(target, options.tls, options.insecure);
  if (tokenFile !== undefined && tls === undefined && !isLoopback(target.host))
    throw new ExportError(
      "ERR_EXPORT_PLAINTEXT",
      `a token in plaintext to ${formatTarget(target)} is no secret; use TLS, or leave the token out`,
    );
  return {
    target,
    resource,
    tls,
    tokenFile,
    spool,
    spoolBytes,
    queueBytes,
    batchBytes: integer("batchBytes", options.batchBytes, 128 * KIB, 32 * KIB, 256 * KIB),
    batchAgeMs: integer("batchAgeMs", options.batchAgeMs, 200, 1, 60_000),
    windowBytes: Math.min(windowBytes, (spool === undefined ? queueBytes : spoolBytes) / 4),
    connectTimeoutMs: integer("connectTimeoutMs", options.connectTimeoutMs, 10_000, 10, 600_000),
    ackTimeoutMs: integer("ackTimeoutMs", options.ackTimeoutMs, 30_000, 10, 600_000),
    backoff: options.backoff ?? {},
    reloadIntervalMs: integer("reloadIntervalMs", options.reloadIntervalMs, 10_000, 10, 3_600_000),
    onEvent: options.onEvent ?? (() => undefined),
  };
}
