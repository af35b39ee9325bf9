import { execFile } from "node:child_process";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const programs = join(import.meta.dirname, "programs");

/** Where the compiled test programs are. */
export const objects: string = join(import.meta.dirname, "..", "dist", "test");

export function object(name: string): string {
  return join(objects, `${name}.bpf.o`);
}

/** The architecture's folder of C headers, e.g. "x86_64-linux-gnu". */
export async function multiarch(clang: string): Promise<string> {
  const { stdout } = await run(clang, ["-print-multiarch"]).catch(() => ({ stdout: "" }));
  return stdout.trim() || `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
}

export async function findClang(): Promise<string> {
  const candidates =
    process.env["CLANG"] === undefined
      ? ["clang", "clang-19", "clang-18", "clang-17"]
      : [process.env["CLANG"]];
  for (const candidate of candidates) {
    try {
      await run(candidate, ["--version"]);
      return candidate;
    } catch {
      // not this one
    }
  }
  throw new Error(`no clang found (tried ${candidates.join(", ")}); apt-get install clang, or set CLANG`);
}

/** Compiles every test program; vitest calls it once before the kernel tests. */
export default async function compile(): Promise<void> {
  await mkdir(objects, { recursive: true });
  const clang = await findClang();
  const triplet = await multiarch(clang);
  const sources = (await readdir(programs)).filter((name) => name.endsWith(".bpf.c"));
  await Promise.all(
    sources.map((source) =>
      run(clang, [
        ...["-target", "bpf", "-g", "-O2", "-Wall", "-Werror", "-I", `/usr/include/${triplet}`],
        ...["-c", join(programs, source), "-o", object(source.replace(".bpf.c", ""))],
      ]),
    ),
  );
}
