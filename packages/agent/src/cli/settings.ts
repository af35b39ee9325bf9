import type { Flag, FlagValues } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

/** Variables of other things begin the same: a service called `tcptracker` gives every pod TCPTRACKER_PORT and others. */
const PREFIX = "TCPTRACKER_";

/** Not to be set by a variable or a file. */
const NOT_A_SETTING: readonly string[] = ["help"];

/** The flags that a file or a variable can set; `config` cannot be set by a file. */
export function settingsOf(flags: Readonly<Record<string, Flag>>): [name: string, flag: Flag][] {
  return Object.entries(flags).filter(([name]) => !NOT_A_SETTING.includes(name));
}

/** The variable for a flag: TCPTRACKER_BUFFER_SIZE for `buffer-size`. */
export function variableOf(flag: string): string {
  return PREFIX + flag.toUpperCase().replaceAll("-", "_");
}

/**
 * What the environment says. An empty variable says nothing; those that are for no flag are somebody else's.
 *
 * @throws {@link UsageError} for a switch that is neither on nor off
 */
export function readEnvironment(
  flags: Readonly<Record<string, Flag>>,
  environment: Readonly<Record<string, string | undefined>>,
): FlagValues {
  const values: Record<string, string | boolean> = {};
  for (const [name, { type }] of settingsOf(flags)) {
    const text = environment[variableOf(name)];
    if (text === undefined || text === "") continue;
    values[name] = type === "boolean" ? readSwitch(variableOf(name), text) : text;
  }
  return values;
}

function readSwitch(variable: string, text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new UsageError(`${variable} takes true or false, not '${text}'`);
}
