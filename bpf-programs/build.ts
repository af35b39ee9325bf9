// Compiles src/*.bpf.c for each architecture into dist/<arch>/*.bpf.o: each attach strategy once for each transport
// and each generation of atomic instructions (see variants). The output depends on the sources and
// the compiler only: no kernel header, no absolute path and no DWARF goes in.
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";

const CLANG = process.env["CLANG"] ?? "clang-19";
const STRIP = process.env["LLVM_STRIP"] ?? "llvm-strip-19";

/** The npm name of each architecture and libbpf's name of it. */
const ARCHITECTURES = { x64: "x86", arm64: "arm64" } as const;

const root = import.meta.dirname;
/** `build.ts [DIRECTORY [OBJECT...]]`: where to (default dist), and which objects only. */
const [outputRoot = join(root, "dist"), ...wanted] = process.argv.slice(2);

async function run(command: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(command, args, { cwd: root });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      console.error(
        `${command} is not installed: run 'npm run setup', or 'apt-get install clang-19 llvm-19'`,
      );
      process.exit(1);
    }
    if (error instanceof Error && "stderr" in error) console.error(error.stderr);
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

/** One object to make. */
interface Job {
  readonly source: string;
  readonly output: string;
  readonly target: string;
  readonly flags: readonly string[];
}

async function compile({ source, output, target, flags }: Job): Promise<void> {
  await run(CLANG, [
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
  await run(STRIP, ["-g", output]);
}

function jobs(): Job[] {
  return Object.entries(ARCHITECTURES).flatMap(([architecture, target]) => {
    const directory = join(outputRoot, architecture);
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    const sources = readdirSync(join(root, "src")).filter((name) => name.endsWith(".bpf.c"));
    return sources.toSorted().flatMap((source) =>
      variants(source).flatMap(({ suffix, flags }): Job[] => {
        const name = `${basename(source, ".bpf.c")}${suffix}.bpf.o`;
        if (wanted.length > 0 && !wanted.includes(name)) return [];
        return [{ source: `src/${source}`, output: join(directory, name), target, flags }];
      }),
    );
  });
}

const queue = jobs();
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await compile(job);
  }),
);
