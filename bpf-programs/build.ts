// Compiles src/*.bpf.c for each architecture into dist/<arch>/*.bpf.o: each attach strategy once for each transport
// and each generation of atomic instructions (see variants). The output depends on the sources and
// the compiler only: no kernel header, no absolute path and no DWARF goes in.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

const CLANG = process.env["CLANG"] ?? "clang-19";
const STRIP = process.env["LLVM_STRIP"] ?? "llvm-strip-19";

/** The npm name of each architecture and libbpf's name of it. */
const ARCHITECTURES = { x64: "x86", arm64: "arm64" } as const;

const root = import.meta.dirname;
/** `build.ts [DIRECTORY [OBJECT...]]`: where to (default dist), and which objects only. */
const [outputRoot = join(root, "dist"), ...wanted] = process.argv.slice(2);

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

/** What one source is compiled into: the end of the object's name and the flags. */
interface Variant {
  readonly suffix: string;
  readonly flags: readonly string[];
}

const TRANSPORTS: readonly Variant[] = [
  { suffix: ".ringbuf", flags: [] },
  { suffix: ".perfbuf", flags: ["-DTT_PERFBUF"] },
];

const GENERATIONS: readonly Variant[] = [
  { suffix: "", flags: [] },
  { suffix: ".noatomics", flags: ["-DTT_NO_ATOMICS"] },
];

/** No kernel has fexit on system calls without the atomics. */
function variants(source: string): readonly Variant[] {
  if (source === "layout.bpf.c") return [{ suffix: "", flags: [] }];
  const generations = source === "fexit.bpf.c" ? GENERATIONS.slice(0, 1) : GENERATIONS;
  return TRANSPORTS.flatMap((transport) =>
    generations.map(({ suffix, flags }) => ({
      suffix: transport.suffix + suffix,
      flags: [...transport.flags, ...flags],
    })),
  );
}

function compile(source: string, output: string, target: string, flags: readonly string[]): void {
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
    // A structure may begin with the fields of another one (struct call).
    "-fms-extensions",
    "-Wno-microsoft-anon-tag",
    "-nostdinc",
    "-Iinclude",
    "-Ilib",
    "-idirafter",
    "/usr/include",
    "-fdebug-compilation-dir=.",
    ...flags,
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
    for (const { suffix, flags } of variants(source)) {
      const name = `${basename(source, ".bpf.c")}${suffix}.bpf.o`;
      if (wanted.length === 0 || wanted.includes(name))
        compile(`src/${source}`, join(directory, name), target, flags);
    }
}
