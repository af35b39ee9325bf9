/** A flag of a command: parsed from here and documented from here. */
export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
  /** Part of the contract, but not in this version: using it is an error that says so. */
  readonly planned?: true;
}

/** Values of flags, by their names. */
export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

/** The lines of a help text. */
export function helpLines(flags: Readonly<Record<string, Flag>>): string[] {
  return Object.entries(flags).map(([name, { short, value, help }]) => {
    const head = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    const usage = value === undefined ? head : `${head} ${value}`;
    return usage.length > 26 ? `  ${usage}\n  ${" ".repeat(28)}${help}` : `  ${usage.padEnd(28)}${help}`;
  });
}

/** The text that a flag was given, if it was. */
export function textOf(values: FlagValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}
