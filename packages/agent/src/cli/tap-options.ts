import type { Target } from "@tcptracker/grpc-exporter/target";
import { ATTACH_STRATEGIES, LIMITS, TRANSPORTS, type TapOptions } from "../options.ts";
import { compileFilter } from "../filter/compile-filter.ts";
import { ATTRIBUTION_FLAGS, parseAttribution, type AttributionCommand } from "./attribution-options.ts";
import { EXPORT_FLAGS, parseExport, type ExportCommand } from "./export-options.ts";
import { parseFlags, refusePlanned, type Flag, type FlagValues } from "./flags.ts";
import { METRICS_FLAGS, parseMetrics } from "./metrics-options.ts";
import { parseRedact, REDACT_FLAGS } from "./redact-options.ts";
import type { RedactorOptions } from "../redact/redactor.ts";
import { UsageError } from "./usage-error.ts";
import { parseBytes, parseCount, parseDuration } from "./values.ts";

/** Every flag of `tcptracker tap`: parsed from here and documented from here. */
export const TAP_FLAGS: Readonly<Record<string, Flag>> = {
  attach: {
    type: "string",
    value: ATTACH_STRATEGIES.join("|"),
    help: "how to hook the system calls (default auto: the first of the others that this kernel accepts)",
  },
  transport: {
    type: "string",
    value: TRANSPORTS.join("|"),
    help: "how records leave the kernel (default auto: ringbuf where the kernel has it, from Linux 5.8 on)",
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
  ...METRICS_FLAGS,
  ...REDACT_FLAGS,
  ...EXPORT_FLAGS,
  help: { type: "boolean", short: "h", help: "print this help" },
  write: { type: "string", short: "w", value: "FILE", help: "write pcapng to FILE", planned: true },
};

/** What `tcptracker tap` was asked to do. */
export interface TapCommand {
  readonly help: boolean;
  readonly json: boolean;
  /** Milliseconds; without it the tap runs until it is stopped. */
  readonly duration?: number;
  /** How to find out about containers; without it nobody does. */
  readonly attribution?: AttributionCommand;
  /** Where to serve figures. */
  readonly metrics?: Target;
  /** What to replace in payloads; default: secret headers. */
  readonly redact?: RedactorOptions;
  /** Where to stream records to, besides. */
  readonly export?: ExportCommand;
  readonly options: TapOptions;
}

/**
 * Reads the arguments of `tcptracker tap`, without a configuration file or variables.
 *
 * @throws as {@link parseFlags} and {@link interpretTapFlags}
 */
export function parseTapCommand(args: readonly string[]): TapCommand {
  return interpretTapFlags(parseFlags(args, TAP_FLAGS));
}

/**
 * What flags ask for.
 *
 * @throws {@link UsageError} for values that make no sense or are out of range; TapError ERR_TAP_NOT_BUILT_IN for a flag
 * whose feature this version lacks
 */
export function interpretTapFlags(values: FlagValues): TapCommand {
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  refusePlanned(values, TAP_FLAGS);

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
    ...(snaplen === undefined ? {} : { snaplen: parseBytes("--snaplen", snaplen, LIMITS.snaplen) }),
    ...(bufferSize === undefined
      ? {}
      : { bufferSize: parseBytes("--buffer-size", bufferSize, LIMITS.bufferSize) }),
    ...(maxConnections === undefined
      ? {}
      : { maxConnections: parseCount("--max-connections", maxConnections, LIMITS.maxConnections) }),
    ...(filter === undefined ? {} : { filter }),
  };
  // Here, so that whatever is wrong with it is told before anything is started, and with its place in a file.
  if (filter !== undefined) compileFilter(filter, { containers: attribution !== undefined });
  const exporting = parseExport(values);
  const redact = parseRedact(values);
  const metrics = parseMetrics(values);
  return {
    help: values["help"] === true,
    json: values["json"] === true,
    ...(duration === undefined ? {} : { duration: parseDuration("--duration", duration) }),
    ...(attribution === undefined ? {} : { attribution }),
    ...(metrics === undefined ? {} : { metrics }),
    ...(redact === undefined ? {} : { redact }),
    ...(exporting === undefined ? {} : { export: exporting }),
    options,
  };
}

function oneOf<const T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) throw new UsageError(`${flag} takes one of ${choices.join(", ")}, not '${value}'`);
  return found;
}
