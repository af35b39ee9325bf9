import type { TlsFiles } from "@tcptracker/grpc-exporter";
import { parseTarget, type Target } from "@tcptracker/grpc-exporter/target";
import { parseTls } from "./export-options.ts";
import { allHelpLines, parseFlags, refusePlanned, textOf, type Flag, type FlagValues } from "./flags.ts";
import { METRICS_FLAGS, parseMetrics } from "./metrics-options.ts";
import { parseBytes, parseCount, parseDuration } from "./values.ts";

/** Every flag of `tcptracker collect`. */
export const COLLECT_FLAGS: Readonly<Record<string, Flag>> = {
  listen: {
    type: "string",
    value: "HOST:PORT",
    help: "where to listen (default 127.0.0.1:4319; port 0 for any)",
  },
  "tls-cert": { type: "string", value: "FILE", help: "certificate to serve with, with --tls-key" },
  "tls-key": { type: "string", value: "FILE", help: "its private key" },
  "tls-ca": {
    type: "string",
    value: "FILE",
    help: "want client certificates, of these authorities (default: anybody may export)",
  },
  insecure: { type: "boolean", help: "plaintext on an address that is not loopback" },
  "token-file": { type: "string", value: "FILE", help: "want this bearer token" },
  json: { type: "boolean", help: "one JSON record per line (default: readable text)" },
  output: {
    type: "string",
    value: "FILE",
    help: "append to FILE, each batch once, also across restarts (default: standard output)",
  },
  "max-connections": { type: "string", value: "N", help: "at the same time (default 4096)" },
  "max-connections-per-peer": { type: "string", value: "N", help: "from one address (default 256)" },
  "max-message-size": { type: "string", value: "BYTES", help: "of one message (default 1M, 1M to 64M)" },
  "max-rate": { type: "string", value: "BYTES", help: "a second from one address (default: no limit)" },
  ...METRICS_FLAGS,
  config: {
    type: "string",
    value: "FILE",
    help: "the same options from a YAML file; flags and TCPTRACKER_* variables win",
  },
  duration: { type: "string", value: "TIME", help: "stop by itself, e.g. 5s (default: run until stopped)" },
  help: { type: "boolean", short: "h", help: "print this help" },
  write: { type: "string", short: "w", value: "FILE", planned: true, help: "write pcapng to FILE" },
};

/** Batches of exporters may have the least: of a collector that takes less, some would have none taken. */
const MESSAGE_BYTES = [1024 ** 2, 64 * 1024 ** 2] as const;

const CONNECTIONS = [1, 1_000_000] as const;

/** What `tcptracker collect` was asked to do. */
export interface CollectCommand {
  readonly help: boolean;
  readonly json: boolean;
  readonly listen: Target;
  readonly tls?: TlsFiles;
  readonly insecure?: boolean;
  readonly tokenFile?: string;
  readonly output?: string;
  /** Where to serve figures. */
  readonly metrics?: Target;
  /** Milliseconds. */
  readonly duration?: number;
  readonly limits: {
    readonly connections?: number;
    readonly connectionsPerPeer?: number;
    readonly messageBytes?: number;
    readonly bytesPerSecond?: number;
  };
}

/** `tcptracker collect --help`. */
export function collectHelpText(): string {
  return [
    "tcptracker collect [options]: receive what 'tcptracker tap --export' sends, and print it, until stopped",
    "",
    ...allHelpLines(COLLECT_FLAGS),
    "",
    "Needs no rights. Without --tls-cert it listens in plaintext, on loopback only. A batch is acknowledged when it is",
    "written, and its sender forgets it. Certificates and token are read again when they change.",
    "",
  ].join("\n");
}

/**
 * Reads the arguments of `tcptracker collect`, without a configuration file or variables.
 *
 * @throws as {@link parseFlags} and {@link interpretCollectFlags}
 */
export function parseCollectCommand(args: readonly string[]): CollectCommand {
  return interpretCollectFlags(parseFlags(args, COLLECT_FLAGS));
}

/**
 * What flags ask for.
 *
 * @throws {@link UsageError} for values that make no sense; ExportError for an address that is none,
 * TapError ERR_TAP_NOT_BUILT_IN for a flag whose feature this version lacks
 */
export function interpretCollectFlags(values: FlagValues): CollectCommand {
  refusePlanned(values, COLLECT_FLAGS);
  const tls = parseTls(values);
  const metrics = parseMetrics(values);
  const [tokenFile, output, duration] = [
    textOf(values, "token-file"),
    textOf(values, "output"),
    textOf(values, "duration"),
  ];
  const limit = <Name extends string>(
    name: Name,
    flag: string,
    read: (flag: string, text: string, limits?: readonly [number, number]) => number,
    limits?: readonly [number, number],
  ): Partial<Record<Name, number>> => {
    const text = textOf(values, flag);
    return (text === undefined ? {} : { [name]: read(`--${flag}`, text, limits) }) as Partial<
      Record<Name, number>
    >;
  };
  return {
    help: values["help"] === true,
    json: values["json"] === true,
    listen: parseTarget(textOf(values, "listen") ?? "127.0.0.1:4319"),
    ...(tls === undefined ? {} : { tls }),
    ...(values["insecure"] === true ? { insecure: true } : {}),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(output === undefined ? {} : { output }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(duration === undefined ? {} : { duration: parseDuration("--duration", duration) }),
    limits: {
      ...limit("connections", "max-connections", parseCount, CONNECTIONS),
      ...limit("connectionsPerPeer", "max-connections-per-peer", parseCount, CONNECTIONS),
      ...limit("messageBytes", "max-message-size", parseBytes, MESSAGE_BYTES),
      ...limit("bytesPerSecond", "max-rate", parseBytes),
    },
  };
}
