import { parseArgs } from "node:util";
import { TapError } from "../errors.ts";
import { ATTACH_STRATEGIES, resolveOptions, TRANSPORTS, type TapOptions } from "../options.ts";
import { ATTRIBUTION_FLAGS, parseAttribution, type AttributionCommand } from "./attribution-options.ts";
import { UsageError } from "./usage-error.ts";
import { parseBytes, parseCount, parseDuration } from "./values.ts";

/** A flag of the command line. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
  /** Part of the contract, but not in this version: using it is an error that says so. */
  readonly planned?: true;
}

/** Every flag of `tcptracker tap`: parsed from here and documented from here. */
export const TAP_FLAGS: Readonly<Record<string, Flag>> = {
  attach: {
    type: "string",
    value: ATTACH_STRATEGIES.join("|"),
    help: "how to hook the system calls (default auto: what this kernel accepts; in this version tracepoint)",
  },
  transport: {
    type: "string",
    value: TRANSPORTS.join("|"),
    help: "how records leave the kernel (default auto; in this version ringbuf)",
  },
  snaplen: {
    type: "string",
    short: "s",
    value: "BYTES",
    help: "payload bytes kept per system call (default 262144, 0 = none, at most 64M); as tcpdump -s",
  },
  "buffer-size": {
    type: "string",
    short: "B",
    value: "BYTES",
    help: "buffer between kernel and agent (default 64M, 256k to 1G); as tcpdump -B, but in bytes",
  },
  "max-connections": {
    type: "string",
    value: "N",
    help: "connections followed at the same time (default 65536)",
  },
  filter: {
    type: "string",
    value: "EXPR",
    help: "what to keep, e.g. 'remote.port == 8080'; see 'tcptracker explain'",
  },
  duration: {
    type: "string",
    value: "TIME",
    help: "stop by itself, e.g. 500ms, 5s, 2m (default: run until stopped)",
  },
  ...ATTRIBUTION_FLAGS,
  config: {
    type: "string",
    value: "FILE",
    help: "the same options from a YAML file; flags and TCPTRACKER_* variables win",
  },
  json: { type: "boolean", help: "one JSON record per line on standard output (default: readable text)" },
  help: { type: "boolean", short: "h", help: "print this help" },
  write: { type: "string", short: "w", value: "FILE", help: "write pcapng to FILE", planned: true },
  export: { type: "string", value: "HOST:PORT", help: "stream to a collector", planned: true },
  "tls-ca": { type: "string", value: "FILE", help: "with --export", planned: true },
  "tls-cert": { type: "string", value: "FILE", help: "with --export", planned: true },
  "tls-key": { type: "string", value: "FILE", help: "with --export", planned: true },
  insecure: { type: "boolean", help: "with --export", planned: true },
};

/** What `tcptracker tap` was asked to do. */
export interface TapCommand {
  readonly help: boolean;
  readonly json: boolean;
  /** Milliseconds; without it the tap runs until it is stopped. */
  readonly duration?: number;
  /** How to find out about containers; without it nobody does. */
  readonly attribution?: AttributionCommand;
  readonly options: TapOptions;
}

/** Values of flags by name, as they were written. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

/**
 * The flags that were given.
 *
 * @throws {@link UsageError} for one that there is not, or without its value
 */
export function parseTapFlags(args: readonly string[]): FlagValues {
  try {
    const options = Object.fromEntries(
      Object.entries(TAP_FLAGS).map(([name, { type, short }]) => [
        name,
        short === undefined ? { type } : { type, short },
      ]),
    );
    return parseArgs({ args: [...args], options, allowPositionals: false, strict: true }).values;
  } catch (error) {
    if (error instanceof TypeError && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * Reads the arguments of `tcptracker tap`, without a configuration file or variables.
 *
 * @throws as {@link parseTapFlags} and {@link interpretTapFlags}
 */
export function parseTapCommand(args: readonly string[]): TapCommand {
  return interpretTapFlags(parseTapFlags(args));
}

/**
 * What flags ask for.
 *
 * @throws {@link UsageError} for values that make no sense; {@link TapError} ERR_TAP_OPTION for values out of range,
 * ERR_TAP_NOT_BUILT_IN for a flag whose feature this version lacks
 */
export function interpretTapFlags(values: FlagValues): TapCommand {
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const planned = Object.keys(values).find((name) => TAP_FLAGS[name]?.planned);
  if (planned !== undefined && values["help"] !== true)
    throw new TapError(
      "ERR_TAP_NOT_BUILT_IN",
      `--${planned} is not in this version of tcptracker; leave it out`,
    );

  const attach = text("attach");
  const transport = text("transport");
  const snaplen = text("snaplen");
  const bufferSize = text("buffer-size");
  const maxConnections = text("max-connections");
  const duration = text("duration");
  const attribution = parseAttribution(values);
  const filter = text("filter");
  const options: TapOptions = {
    ...(attach === undefined ? {} : { attach: oneOf("--attach", attach, ATTACH_STRATEGIES) }),
    ...(transport === undefined ? {} : { transport: oneOf("--transport", transport, TRANSPORTS) }),
    ...(snaplen === undefined ? {} : { snaplen: parseBytes("--snaplen", snaplen) }),
    ...(bufferSize === undefined ? {} : { bufferSize: parseBytes("--buffer-size", bufferSize) }),
    ...(maxConnections === undefined
      ? {}
      : { maxConnections: parseCount("--max-connections", maxConnections) }),
    ...(filter === undefined ? {} : { filter }),
  };
  resolveOptions(options);
  return {
    help: values["help"] === true,
    json: values["json"] === true,
    ...(duration === undefined ? {} : { duration: parseDuration("--duration", duration) }),
    ...(attribution === undefined ? {} : { attribution }),
    options,
  };
}

function oneOf<const T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`${flag} takes one of ${choices.join(", ")}, not '${value}'`);
  return found;
}
