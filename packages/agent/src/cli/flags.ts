import { parseArgs } from "node:util";
import { TapError } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

/** A flag of a command: parsed from here and documented from here. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
  /** May be given several times, and each counts. */
  readonly multiple?: true;
  /** Part of the contract, but not in this version: using it is an error that says so. */
  readonly planned?: true;
}

/** Values of flags, by their names. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** The lines of a help text. */
export function helpLines(flags: Readonly<Record<string, Flag>>): string[] {
  return Object.entries(flags).map(([name, { short, value, help }]) => {
    const head = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    const usage = value === undefined ? head : `${head} ${value}`;
    return usage.length > 26 ? `  ${usage}\n  ${" ".repeat(28)}${help}` : `  ${usage.padEnd(28)}${help}`;
  });
}

/** The lines of all flags: those that are there, and under a heading those that are not. */
export function allHelpLines(flags: Readonly<Record<string, Flag>>): string[] {
  const lines = (planned: boolean): string[] =>
    helpLines(
      Object.fromEntries(Object.entries(flags).filter(([, flag]) => (flag.planned === true) === planned)),
    );
  return [...lines(false), "", "Not in this version (exit code 4):", ...lines(true)];
}

/** The text that a flag was given, if it was. */
export function textOf(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** The texts that a flag was given which may be given several times. */
export function textsOf(values: FlagValues, name: string): readonly string[] {
  const value = values[name];
  if (typeof value === "string") return [value];
  return typeof value === "object" ? value : [];
}

/**
 * The flags that were given.
 *
 * @throws {@link UsageError} for one that there is not, without its value, or twice where only one of them would count
 */
export function parseFlags(args: readonly string[], flags: Readonly<Record<string, Flag>>): FlagValues {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [
      name,
      { type, multiple: type === "string", ...(short === undefined ? {} : { short }) },
    ]),
  );
  // They undo what a file or a variable says. Node.js would take --no-containers for one of them.
  const negatives = new Map(switchesOf(flags).map((name) => [`no-${name}`, name]));
  for (const negative of negatives.keys()) options[negative] = { type: "boolean", multiple: false };
  try {
    const { values } = parseArgs({ args: [...args], options, allowPositionals: false, strict: true });
    const found: Record<string, FlagValues[string]> = {};
    for (const [given, value] of Object.entries(values)) {
      const name = negatives.get(given) ?? given;
      if (found[name] !== undefined) throw new UsageError(`--${name} and --no-${name} are both given`);
      if (name !== given) found[name] = false;
      else if (Array.isArray(value) && flags[name]?.multiple !== true)
        found[name] = once(name, value.map(String));
      else found[name] = value as FlagValues[string];
    }
    return found;
  } catch (error) {
    if (error instanceof TypeError && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * Refuses flags of which the feature is not there yet, unless help is asked for.
 *
 * @throws {@link TapError} ERR_TAP_NOT_BUILT_IN
 */
export function refusePlanned(values: FlagValues, flags: Readonly<Record<string, Flag>>): void {
  const planned = Object.keys(values).find((name) => flags[name]?.planned);
  if (planned !== undefined && values["help"] !== true)
    throw new TapError(
      "ERR_TAP_NOT_BUILT_IN",
      `--${planned} is not in this version of tcptracker; leave it out`,
    );
}

/** Switches that can be undone. */
function switchesOf(flags: Readonly<Record<string, Flag>>): string[] {
  return Object.entries(flags)
    .filter(([name, { type }]) => type === "boolean" && name !== "help" && !name.startsWith("no-"))
    .map(([name]) => name);
}

/**
 * The only text that a flag was given.
 *
 * @throws {@link UsageError} when there are several
 */
export function once(name: string, [text, ...more]: readonly string[]): string | undefined {
  if (more.length > 0) throw new UsageError(`--${name} is given ${more.length + 1} times; once is wanted`);
  return text;
}
