import { readFile } from "node:fs/promises";
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type YAMLSeq,
} from "yaml";
import { settingsOf } from "./settings.ts";
import type { Flag, FlagValues } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

/** What a configuration file says, and where. */
export interface ConfigFile {
  readonly values: FlagValues;
  /** `FILE:LINE:COLUMN` of a setting's value. */
  placeOf(name: string): string;
}

/**
 * Reads a YAML file whose members are the flags of the command.
 *
 * @throws {@link UsageError} with file, line, column and name for what is no YAML, no flag, or of the wrong type
 */
export async function readConfigFile(
  path: string,
  flags: Readonly<Record<string, Flag>>,
): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot read the configuration: ${reason}`);
  }
  return parseConfig(path, text, flags);
}

/** The same for a text; `path` is for messages. */
export function parseConfig(path: string, text: string, flags: Readonly<Record<string, Flag>>): ConfigFile {
  const lines = new LineCounter();
  const document: Document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  // A tag that is not known is a warning of the parser's: what it would change is not done.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new UsageError(`${at(problem.pos[0])}: ${problem.message}`);
  const { contents } = document;
  const settings = Object.fromEntries(settingsOf(flags).filter(([name]) => name !== "config"));
  const values: Record<string, string | boolean | readonly string[]> = {};
  const places = new Map<string, string>();
  // A file of comments says nothing.
  if (contents === null || (isScalar(contents) && contents.value === null))
    return { values, placeOf: () => path };
  if (!isMap(contents))
    throw new UsageError(`${at(startOf(contents))}: settings are wanted, one a line, such as 'snaplen: 64k'`);
  for (const pair of contents.items) {
    const { name, offset } = nameOf(pair as Pair<Node, Node | null>);
    const flag = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (flag === undefined) {
      const builtIn = Object.keys(settings).filter((one) => settings[one]?.planned !== true);
      throw new UsageError(`${at(offset)}: there is no setting '${name}'; there are ${builtIn.join(", ")}`);
    }
    const node = pair.value as Node | null;
    const place = at(node === null ? offset : startOf(node));
    const value = isAlias(node) ? (node.resolve(document) ?? null) : node;
    values[name] = isSeq(value)
      ? textsOf(name, flag, value, { at, document })
      : valueOf(`${place}: ${name}`, flag, value);
    places.set(name, place);
  }
  return { values, placeOf: (name) => places.get(name) ?? path };
}

function nameOf({ key }: Pair<Node, Node | null>): { name: string; offset: number } {
  return { name: isScalar(key) ? String(key.value) : key.toString(), offset: startOf(key) };
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** A list, where a flag may be given several times. */
function textsOf(
  name: string,
  flag: Flag,
  list: YAMLSeq,
  { at, document }: { at: (offset: number) => string; document: Document },
): string | boolean | readonly string[] {
  const where = `${at(startOf(list))}: ${name}`;
  if (flag.multiple !== true) return valueOf(where, flag, undefined);
  if (list.items.length === 0) throw new UsageError(`${where} takes a list of at least one`);
  return list.items.map((item) => {
    const node = item as Node;
    const value = isAlias(node) ? node.resolve(document) : node;
    return String(valueOf(`${at(startOf(node))}: ${name}`, flag, value));
  });
}

function valueOf(
  where: string,
  { type, value: form = "VALUE" }: Flag,
  node: Node | null | undefined,
): string | boolean {
  const { value, source } = isScalar(node) ? node : { value: undefined, source: undefined };
  if (type === "boolean") {
    if (typeof value === "boolean") return value;
    throw new UsageError(`${where} takes true or false`);
  }
  if (typeof value === "string" && value !== "") return value;
  // As it is written: 0010 is not 10, and large ones are not exact.
  if (typeof value === "number" || typeof value === "bigint") return source ?? String(value);
  throw new UsageError(`${where} takes a text or a number (${form})`);
}
