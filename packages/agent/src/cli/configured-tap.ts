import type { ConfigFile } from "./config-file.ts";
import type { FlagValues } from "./flags.ts";
import { readEnvironment } from "./settings.ts";
import { interpretTapFlags, parseTapFlags, TAP_FLAGS, type TapCommand } from "./tap-options.ts";
import { UsageError } from "./usage-error.ts";

/** What the command was asked to do, and by what. */
export interface ConfiguredTap extends TapCommand {
  /** The flags, wherever they were set. */
  readonly settings: FlagValues;
  /** The file that set some of them. */
  readonly config?: string;
}

/**
 * What `tcptracker tap` was asked to do: by its arguments, else by the environment, else by the file that one of these names.
 *
 * @throws as parseTapCommand; an error that a setting of the file has caused says where it is
 */
export async function readTapCommand(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<ConfiguredTap> {
  const flags = parseTapFlags(args);
  // Whoever asks for help need not have a configuration that is right.
  if (flags["help"] === true) return { ...interpretTapFlags(flags), settings: flags };
  const given: FlagValues = { ...readEnvironment(TAP_FLAGS, environment), ...flags };
  const { config } = given;
  if (typeof config !== "string") return { ...interpretTapFlags(given), settings: given };
  // The parser is loaded where it is used.
  const { readConfigFile } = await import("./config-file.ts");
  const file = await readConfigFile(config, TAP_FLAGS);
  const settings: FlagValues = { ...file.values, ...given };
  try {
    return { ...interpretTapFlags(settings), settings, config };
  } catch (error) {
    throw located(error, file, given);
  }
}

/** The error with its place, if one setting of the file is enough to cause it. */
function located(error: unknown, file: ConfigFile, given: FlagValues): unknown {
  if (!(error instanceof Error)) return error;
  for (const [name, value] of Object.entries(file.values)) {
    if (Object.hasOwn(given, name)) continue;
    try {
      interpretTapFlags({ [name]: value });
    } catch (cause) {
      if (cause instanceof Error && cause.message === error.message)
        return new UsageError(`${file.placeOf(name)}: ${name}: ${error.message}`, { cause });
    }
  }
  return error;
}
