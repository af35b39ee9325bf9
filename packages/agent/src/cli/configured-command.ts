import { TapError } from "../errors.ts";
import { COLLECT_FLAGS, interpretCollectFlags, type CollectCommand } from "./collect-options.ts";
import type { ConfigFile } from "./config-file.ts";
import { parseFlags, type Flag, type FlagValues } from "./flags.ts";
import { readEnvironment, variableOf } from "./settings.ts";
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
  const variables = readEnvironment(table, environment);
  const { config } = { ...variables, ...flags };
  const file = typeof config === "string" ? await readFile(config, table) : undefined;
  const settings: FlagValues = { ...file?.values, ...variables, ...flags };
  try {
    return { ...interpret(settings), settings, ...(file === undefined ? {} : { config: file.path }) };
  } catch (error) {
    throw located(
      error,
      [
        ...Object.entries(flags).map(([name, value]) => ({ name, value })),
        ...Object.entries(variables).map(([name, value]) => ({ name, value, place: variableOf(name) })),
        ...Object.entries(file?.values ?? {}).map(([name, value]) => ({
          ...{ name, value },
          place: `${file?.placeOf(name) ?? ""}: ${name}`,
        })),
      ],
      interpret,
    );
  }
}

/** The parser is loaded where it is used. */
async function readFile(
  path: string,
  table: Readonly<Record<string, Flag>>,
): Promise<ConfigFile & { readonly path: string }> {
  const { readConfigFile } = await import("./config-file.ts");
  return { ...(await readConfigFile(path, table)), path };
}

/** A value that was set. */
interface Setting {
  readonly name: string;
  readonly value: FlagValues[string];
  /** Absent for one of the command line, which the message names already. */
  readonly place?: string;
}

/**
 * The error with the place of the setting that causes it by itself, or of those that its message names. `all`: the first of a name
 * is the one that counts.
 */
function located(
  error: unknown,
  all: readonly Setting[],
  interpret: (values: FlagValues) => unknown,
): unknown {
  if (!(error instanceof Error)) return error;
  const settings = all.filter((setting) => all.find(({ name }) => name === setting.name) === setting);
  const guilty =
    settings.find(({ name, value }) => messageOf(() => interpret({ [name]: value })) === error.message) ??
    settings.find(({ name, place }) => place !== undefined && isNamed(name, error.message));
  if (guilty?.place === undefined) return error;
  // Whatever is wrong with a value is wrong usage, but for a setting that this version does not have.
  if (error instanceof TapError && error.code === "ERR_TAP_NOT_BUILT_IN")
    return new TapError(error.code, `${guilty.place}: ${error.reason}`, { cause: error });
  return new UsageError(`${guilty.place}: ${error.message}`, { cause: error });
}

function messageOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : undefined;
  }
}

function isNamed(flag: string, message: string): boolean {
  return new RegExp(`--${flag}(?![\\w-])`).test(message);
}
