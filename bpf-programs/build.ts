// Compiles src/*.bpf.c for each architecture into dist/<arch>/*.bpf.o. The output depends on the sources and
// the compiler only: no kernel header, no absolute path and no DWARF goes in.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

const CLANG = process.env["CLANG"] ?? "clang-19";
const STRIP = process.env["LLVM_STRIP"] ?? "llvm-strip-19";

/** The npm name of each architecture and libbpf's name of it. */
const ARCHITECTURES = { x64: "x86", arm64: "arm64" } as const;

const root = import.meta.dirname;
const outputRoot = process.argv[2] ?? join(root, "dist");

function run(command: string, args: readonly string[]): void {
  try {
    execFileSync(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      console.error(
        `${command} is not installed: run 'npm run setup', or 'apt-get install clang-19 llvm-19'`,
      );
      process.exit(1);
    }
    console.error(`${command} failed on ${args.at(-1)}`);
    process.exit(1);
  }
}

function compile(source: string, output: string, target: string): void {
  run(CLANG, [
    "-target",
    "bpf",
    `-D__TARGET_ARCH_${target}`,
    "-mcpu=v3",
    "-g",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-nostdinc",
    "-Iinclude",
    "-Ilib",
    "-idirafter",
    "/usr/include",
    "-fdebug-compilation-dir=.",
    "-o",
    output,
    "-c",
    source,
  ]);
  // Keeps the BTF, which CO-RE needs; drops the DWARF, which nobody does.
  run(STRIP, ["-g", output]);
}

for (const [architecture, target] of Object.entries(ARCHITECTURES)) {
  const directory = join(outputRoot, architecture);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const source of readdirSync(join(root, "src"))
    .filter((name) => name.endsWith(".bpf.c"))
    .toSorted())
    compile(`src/${source}`, join(directory, `${basename(source, ".c")}.o`), target);
}
