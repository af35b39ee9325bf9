import { COLLECT_FLAGS, interpretCollectFlags, type CollectCommand } from "./collect-options.ts";
import type { ConfigFile } from "./config-file.ts";
import { parseFlags, type Flag, type FlagValues } from "./flags.ts";
import { readEnvironment } from "./settings.ts";
import { interpretTapFlags, TAP_FLAGS, type TapCommand } from "./tap-options.ts";
import { UsageError } from "./usage-error.ts";

/** What a command was asked to do, and by what. */
export type Configured<Command> = Command & {
  /** The flags, wherever they were set. */
  readonly settings: FlagValues;
  /** The file that set some of them. */
  readonly config?: string;
};

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What `tcptracker tap` was asked to do: by its arguments, else by the environment, else by the file that one of these names.
 *
 * @throws as parseTapCommand; an error that a setting of the file has caused says where it is
 */
export function readTapCommand(
  args: readonly string[],
  environment: Environment = process.env,
): Promise<Configured<TapCommand>> {
  return readCommand(TAP_FLAGS, interpretTapFlags, args, environment);
}

/** The same for `tcptracker collect`. */
export function readCollectCommand(
  args: readonly string[],
  environment: Environment = process.env,
): Promise<Configured<CollectCommand>> {
  return readCommand(COLLECT_FLAGS, interpretCollectFlags, args, environment);
}

async function readCommand<Command extends object>(
  table: Readonly<Record<string, Flag>>,
  interpret: (values: FlagValues) => Command,
  args: readonly string[],
  environment: Environment,
): Promise<Configured<Command>> {
  const flags = parseFlags(args, table);
  // Whoever asks for help need not have a configuration that is right.
  if (flags["help"] === true) return { ...interpret(flags), settings: flags };
  const given: FlagValues = { ...readEnvironment(table, environment), ...flags };
  const { config } = given;
  if (typeof config !== "string") return { ...interpret(given), settings: given };
  // The parser is loaded where it is used.
  const { readConfigFile } = await import("./config-file.ts");
  const file = await readConfigFile(config, table);
  const settings: FlagValues = { ...file.values, ...given };
  try {
    return { ...interpret(settings), settings, config };
  } catch (error) {
    throw located(error, file, given, interpret);
  }
}

/** The error with its place, if one setting of the file is enough to cause it. */
function located(
  error: unknown,
  file: ConfigFile,
  given: FlagValues,
  interpret: (values: FlagValues) => unknown,
): unknown {
  if (!(error instanceof Error)) return error;
  for (const [name, value] of Object.entries(file.values)) {
    if (Object.hasOwn(given, name)) continue;
    try {
      interpret({ [name]: value });
    } catch (cause) {
      if (cause instanceof Error && cause.message === error.message)
        return new UsageError(`${file.placeOf(name)}: ${name}: ${error.message}`, { cause });
    }
  }
  return error;
}
