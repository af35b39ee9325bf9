import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const sourceDirectory = import.meta.dirname;
const outputDirectory = join(sourceDirectory, "../../dist/test");
const flags = ["-std=gnu17", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"];

/** The program that was compiled elsewhere, for machines without a compiler (TCPTRACKER_TEST_PROGRAMS: their directory). */
export function prebuilt(name: string): string | undefined {
  const directory = process.env["TCPTRACKER_TEST_PROGRAMS"];
  return directory === undefined || directory === "" ? undefined : join(directory, name);
}

/**
 * Compiles the traffic generator unless that has been done for these very sources, and returns the program's path.
 *
 * The name holds a hash of the sources, the compiler and the architecture, not a time: a copied tree (a virtual machine
 * without a compiler) finds the program it was copied with. `CC` names another compiler than gcc.
 *
 * @throws Error with the compiler's messages when it does not compile
 */
export function buildTraffic(): string {
  const ready = prebuilt("traffic");
  if (ready !== undefined) return ready;
  const compiler = process.env["CC"] || "gcc";
  const names = readdirSync(sourceDirectory)
    .filter((name) => /\.[ch]$/.test(name))
    .sort();
  const hash = createHash("sha256").update([process.arch, compiler, ...flags].join("\0"));
  for (const name of names) hash.update(`\0${name}\0`).update(readFileSync(join(sourceDirectory, name)));
  const program = join(outputDirectory, `traffic-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(program)) return program;

  mkdirSync(outputDirectory, { recursive: true });
  // Test files run at the same time: each compiles to a name of its own, and the last rename wins.
  const unfinished = `${program}.${process.pid}`;
  const sources = names.filter((name) => name.endsWith(".c")).map((name) => join(sourceDirectory, name));
  try {
    execFileSync(compiler, [...flags, "-o", unfinished, ...sources], { encoding: "utf8", stdio: "pipe" });
    renameSync(unfinished, program);
  } catch (error) {
    rmSync(unfinished, { force: true });
    const { stderr = "", message } = error as Error & { stderr?: string };
    throw new Error(`the traffic generator does not compile: ${stderr || message}`, { cause: error });
  }
  return program;
}
