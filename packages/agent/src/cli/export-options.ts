import type { TlsFiles } from "@tcptracker/grpc-exporter";
import { parseTarget, type Target } from "@tcptracker/grpc-exporter/target";
import { textOf, type Flag, type FlagValues } from "./flags.ts";
import { UsageError } from "./usage-error.ts";
import { parseBytes } from "./values.ts";

/** The flags of `tcptracker tap` that are about exporting. */
export const EXPORT_FLAGS: Readonly<Record<string, Flag>> = {
  export: {
    type: "string",
    value: "HOST:PORT",
    help: "stream to a collector, by TLS (to loopback only with --tls-*); records are printed only with --json",
  },
  "tls-ca": {
    type: "string",
    value: "FILE",
    help: "authorities to trust (default: the system's)",
  },
  "tls-cert": { type: "string", value: "FILE", help: "certificate to show to the collector, with --tls-key" },
  "tls-key": { type: "string", value: "FILE", help: "its private key" },
  insecure: { type: "boolean", help: "export in plaintext, wherever the collector is" },
  "export-token-file": { type: "string", value: "FILE", help: "bearer token to show to the collector" },
  spool: {
    type: "string",
    value: "DIRECTORY",
    help: "keep on disk what the collector has not acknowledged (default: in memory, 64M)",
  },
  "spool-size": {
    type: "string",
    value: "BYTES",
    help: "of the spool (default 1G); beyond it the oldest are given up",
  },
};

/** What `tcptracker tap` was told about exporting. */
export interface ExportCommand {
  readonly target: Target;
  readonly tls?: TlsFiles;
  readonly insecure?: boolean;
  readonly tokenFile?: string;
  readonly spool?: string;
  readonly spoolBytes?: number;
}

/** The files of `--tls-ca`, `--tls-cert` and `--tls-key`; undefined without any of them. */
export function parseTls(values: FlagValues): TlsFiles | undefined {
  const [ca, cert, key] = [textOf(values, "tls-ca"), textOf(values, "tls-cert"), textOf(values, "tls-key")];
  if (ca === undefined && cert === undefined && key === undefined) return undefined;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/**
 * Reads the flags of exporting; undefined without `--export`.
 *
 * @throws {@link UsageError} for a flag that makes no sense without it; ExportError for a target that is none
 */
export function parseExport(values: FlagValues): ExportCommand | undefined {
  const target = textOf(values, "export");
  if (target === undefined) {
    const stray = Object.keys(EXPORT_FLAGS).find((name) => values[name] !== undefined);
    if (stray !== undefined) throw new UsageError(`--${stray} makes no sense without --export`);
    return undefined;
  }
  const tls = parseTls(values);
  const [tokenFile, spool, size] = [
    textOf(values, "export-token-file"),
    textOf(values, "spool"),
    textOf(values, "spool-size"),
  ];
  if (size !== undefined && spool === undefined)
    throw new UsageError("--spool-size makes no sense without --spool");
  return {
    target: parseTarget(target),
    ...(tls === undefined ? {} : { tls }),
    ...(values["insecure"] === true ? { insecure: true } : {}),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(spool === undefined ? {} : { spool }),
    ...(size === undefined ? {} : { spoolBytes: parseBytes("--spool-size", size) }),
  };
}
