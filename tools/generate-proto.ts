/**
 * Generates the code of @tcptracker/proto from its .proto files, with buf.
 *
 *   node tools/generate-proto.ts [--check]
 *
 *   --check   write nothing; exit 1 and say what is wrong: findings of buf lint, a .proto file that is not formatted, a change
 *             that breaks what the last release has promised (packages/proto/baseline.json), generated code that is out of date
 *
 * At a release, the baseline is written anew: npx buf build --exclude-source-info -o packages/proto/baseline.json
 *
 * Exit codes: 0 done or up to date, 1 something is wrong, 2 wrong usage.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "..");
const PACKAGE = path.join(ROOT, "packages/proto");
const BIN = path.join(ROOT, "node_modules/.bin");
const BASELINE = "packages/proto/baseline.json";

process.exitCode = main(process.argv.slice(2));

function main(args: string[]): number {
  let check: boolean;
  try {
    check = parseArgs({ args, options: { check: { type: "boolean" } } }).values.check === true;
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : String(error)}\nusage: node tools/generate-proto.ts [--check]`,
    );
    return 2;
  }
  if (!check) return generate(PACKAGE) ? 0 : 1;
  const sound = [
    buf("lint"),
    buf("format", "--diff", "--exit-code"),
    buf("breaking", "--against", BASELINE),
    isCurrent(),
  ];
  return sound.every(Boolean) ? 0 : 1;
}

/** Runs buf at the root of the workspace; says whether it found nothing. */
function buf(...args: readonly string[]): boolean {
  const { status, error } = spawnSync(path.join(BIN, "buf"), args, {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
    // Its plugins are found by name.
    env: { ...process.env, PATH: `${BIN}:${process.env["PATH"] ?? ""}` },
  });
  if (error !== undefined) throw error;
  if (status !== 0) console.error(`'buf ${args.join(" ")}' has findings`);
  return status === 0;
}

/** Writes src/gen/ below `directory`. */
function generate(directory: string): boolean {
  return buf("generate", "--clean", "--template", "packages/proto/buf.gen.yaml", "--output", directory);
}

/** Whether what is committed is what the .proto files give. */
function isCurrent(): boolean {
  const fresh = mkdtempSync(path.join(tmpdir(), "tcptracker-proto-"));
  try {
    if (!generate(fresh)) return false;
    const [expected, actual] = [read(fresh), read(PACKAGE)];
    const names = new Set([...expected.keys(), ...actual.keys()]);
    const stale = [...names].filter((name) => expected.get(name) !== actual.get(name));
    for (const name of stale)
      console.error(`packages/proto/src/gen/${name} is out of date; run: npm run generate`);
    return stale.length === 0;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

/** Every generated file below `directory`, by its name. */
function read(directory: string): ReadonlyMap<string, string> {
  const gen = path.join(directory, "src/gen");
  const files = readdirSync(gen, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(gen, file), readFileSync(file, "utf8")];
    }),
  );
}
