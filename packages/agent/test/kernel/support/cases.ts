import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { prebuilt } from "../../traffic/build.ts";
import { PATIENCE } from "../../traffic/patience.ts";

const sourceDirectory = join(import.meta.dirname, "cases");
const outputDirectory = join(import.meta.dirname, "../../../dist/test");
const flags = ["-std=gnu17", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"];

/** How long a case may take, in milliseconds; none takes more than a few seconds. */
const DEADLINE = 40_000 * PATIENCE;

/** What a case tells of itself; the numbers that it has no use for are 0. */
export interface CaseReport {
  /** The port that its connections go to. */
  readonly listener: number;
  /** Another port: see the case. */
  readonly other: number;
  /** How many of what the case counts: see there. */
  readonly count: number;
  /** The process of both ends. */
  readonly pid: number;
  /** The clients' own ports, in the order of the connections. */
  readonly clients: readonly number[];
}

/** Compiles the cases unless that has been done for these very sources; see buildTraffic, whose ways these are. */
function build(): string {
  const ready = prebuilt("cases");
  if (ready !== undefined) return ready;
  const compiler = process.env["CC"] || "gcc";
  const names = readdirSync(sourceDirectory).sort();
  const hash = createHash("sha256").update([process.arch, compiler, ...flags].join("\0"));
  for (const name of names) hash.update(`\0${name}\0`).update(readFileSync(join(sourceDirectory, name)));
  const program = join(outputDirectory, `cases-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(program)) return program;

  mkdirSync(outputDirectory, { recursive: true });
  const unfinished = `${program}.${process.pid}`;
  const sources = names.filter((name) => name.endsWith(".c")).map((name) => join(sourceDirectory, name));
  try {
    execFileSync(compiler, [...flags, "-o", unfinished, ...sources], { encoding: "utf8", stdio: "pipe" });
    renameSync(unfinished, program);
  } finally {
    rmSync(unfinished, { force: true });
  }
  return program;
}

/**
 * Runs one of the C programs' cases to its end.
 *
 * @returns its report, or why this machine cannot run it
 */
export async function tryCase(name: string, ...args: readonly string[]): Promise<CaseReport | string> {
  const options = { timeout: DEADLINE, killSignal: "SIGKILL" } as const;
  const { stdout } = await promisify(execFile)(build(), [name, ...args], options);
  const report = JSON.parse(stdout) as CaseReport | { readonly unsupported: string };
  return "unsupported" in report ? report.unsupported : report;
}

/** The same for a case that every machine can run. */
export async function runCase(name: string): Promise<CaseReport> {
  const report = await tryCase(name);
  if (typeof report === "string") throw new Error(`${name}: ${report}`);
  return report;
}

/**
 * What to start instead of a program, with the program and its arguments behind it, for it to run under a seccomp filter
 * that answers a system call with this error.
 */
export function forbidding(
  call: "bpf" | "perf_event_open",
  error: "EPERM" | "ENOSYS",
): readonly [string, ...string[]] {
  return [build(), "forbid", call, error];
}
