/**
 * Writes the record layout that @tcptracker/events decodes with, from the BTF of a compiled object.
 *
 *   node tools/generate-layout.ts [--check] [--object PATH]
 *
 *   --check        write nothing; exit 1 and say what differs when a committed file is out of date
 *   --object PATH  the object to read (default bpf-programs/dist/<every architecture>/layout.bpf.o, which have to agree)
 *
 * Exit codes: 0 done or up to date, 1 out of date or failed, 2 wrong usage.
 */
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { LayoutError, readBtf } from "./layout/btf.ts";
import { describeLayout, layoutHash } from "./layout/describe.ts";
import type { Layout } from "./layout/describe.ts";
import { emitHeader, emitTypeScript } from "./layout/emit.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const OBJECTS = "bpf-programs/dist/*/layout.bpf.o";
const MAX_DIFFERENCES = 20;

process.exitCode = main(process.argv.slice(2));

function main(args: string[]): number {
  let options;
  try {
    options = parseArgs({ args, options: { check: { type: "boolean" }, object: { type: "string" } } }).values;
  } catch (error) {
    console.error(`${messageOf(error)}\nusage: node tools/generate-layout.ts [--check] [--object PATH]`);
    return 2;
  }
  try {
    const layout = readLayout(options.object);
    const files = new Map([
      ["packages/events/src/gen/layout.ts", emitTypeScript(layout)],
      ["bpf-programs/include/tcptracker/layout_hash.h", emitHeader(layout)],
    ]);
    if (options.check === true) return check(files);
    for (const [file, text] of files) write(file, text);
    console.log(`layout ${layoutHash(layout)}`);
    return 0;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    console.error(error.message);
    return 1;
  }
}

/** The layout of one object, or the one that the objects of all architectures share. */
function readLayout(object: string | undefined): Layout {
  const objects =
    object === undefined
      ? globSync(OBJECTS, { cwd: ROOT })
          .sort()
          .map((file) => path.join(ROOT, file))
      : [object];
  const [first, ...others] = objects.map((file) => describeLayout(readBtf(file)));
  if (first === undefined) {
    throw new LayoutError(`there is no ${OBJECTS}; compile it first: npx nx compile @tcptracker/probes`);
  }
  // One decoder reads the records of all of them.
  if (others.some((other) => layoutHash(other) !== layoutHash(first))) {
    throw new LayoutError(`${OBJECTS} do not agree; compile all of them: npx nx compile @tcptracker/probes`);
  }
  return first;
}

/** Writes only what changed, so that nothing is rebuilt for the sake of a time stamp. */
function write(file: string, text: string): void {
  const target = path.join(ROOT, file);
  if (existsSync(target) && readFileSync(target, "utf8") === text) return;
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
  console.log(`wrote ${file}`);
}

function check(files: ReadonlyMap<string, string>): number {
  let stale = false;
  for (const [file, expected] of files) {
    const target = path.join(ROOT, file);
    const actual = existsSync(target) ? readFileSync(target, "utf8") : "";
    if (actual === expected) continue;
    stale = true;
    console.error([`${file} is out of date:`, ...differences(actual, expected)].join("\n"));
  }
  if (stale) console.error("Run: npm run generate");
  return stale ? 1 : 0;
}

/** The lines that only one of the two texts has; enough to see what moved, without a diff algorithm. */
function differences(actual: string, expected: string): string[] {
  const before = actual.split("\n");
  const after = expected.split("\n");
  const [had, has] = [new Set(before), new Set(after)];
  const lines = [
    ...before.filter((line) => !has.has(line)).map((line) => `  - ${line}`),
    ...after.filter((line) => !had.has(line)).map((line) => `  + ${line}`),
  ];
  if (lines.length === 0) return ["  the same lines in another order"];
  const more = lines.length - MAX_DIFFERENCES;
  return more > 0 ? [...lines.slice(0, MAX_DIFFERENCES), `  and ${String(more)} more`] : lines;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
