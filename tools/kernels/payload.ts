// What is tested and changes from run to run: bundled test files, the addon, the eBPF objects, the C programs.
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { HOST, NODE_ARCHITECTURE, type Architecture } from "./kernels.ts";
import { KernelsError, run } from "./run.ts";

export const ROOT: string = dirname(dirname(import.meta.dirname));

const TESTS = join(ROOT, "packages/agent/test");
const PROGRAMS = { traffic: join(TESTS, "traffic"), cases: join(TESTS, "kernel/support/cases") } as const;

/** How to compile for an architecture. */
export interface Toolchain {
  readonly compiler: readonly string[];
  readonly addon: string;
}

/** This machine's own compiler, and the addon that its build made. */
export function hostToolchain(): Toolchain {
  const addon = join(ROOT, "packages/libbpf/dist/native", `linux-${NODE_ARCHITECTURE[HOST]}`, "libbpf.node");
  if (!existsSync(addon)) throw new KernelsError(`${addon} does not exist; run 'npm run build' first`);
  return { compiler: [process.env["CC"] || "gcc"], addon };
}

/** Each test file as one module; what they share, the stand-in for vitest above all, is in chunks. */
async function bundleTests(files: readonly string[], output: string): Promise<void> {
  const entries = files.map((name) => {
    // Tests that make sense only in here; not *.test.ts, which the tools' own tests are.
    const own = join(import.meta.dirname, "guest", `${name}.guest.ts`);
    return { in: existsSync(own) ? own : join(TESTS, "kernel", `${name}.test.ts`), out: name };
  });
  await build({
    absWorkingDir: ROOT,
    entryPoints: [{ in: join(import.meta.dirname, "guest/run.ts"), out: "run" }, ...entries],
    outdir: output,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node24",
    conditions: ["@tcptracker/source"],
    alias: { vitest: join(import.meta.dirname, "guest/vitest.ts") },
    legalComments: "none",
    logLevel: "warning",
  });
}

function compilePrograms({ compiler: [command = "gcc", ...target] }: Toolchain, output: string): void {
  for (const [name, directory] of Object.entries(PROGRAMS)) {
    const sources = readdirSync(directory)
      .filter((file) => file.endsWith(".c"))
      .sort();
    const paths = sources.map((file) => join(directory, file));
    // Static: the image has no C library that fits a program of another Debian release for sure.
    run(command, [...target, "-std=gnu17", "-O2", "-pthread", "-static", "-o", join(output, name), ...paths]);
  }
}

/** Fills `directory` with what goes to /test: modules in bundle/, objects in dist/, programs/, libbpf.node. */
export async function makePayload(
  architecture: Architecture,
  toolchain: Toolchain,
  files: readonly string[],
  directory: string,
): Promise<void> {
  const node = NODE_ARCHITECTURE[architecture];
  for (const name of ["bundle", "programs", `dist/${node}`])
    mkdirSync(join(directory, name), { recursive: true });
  await bundleTests(files, join(directory, "bundle"));
  compilePrograms(toolchain, join(directory, "programs"));
  copyFileSync(toolchain.addon, join(directory, "libbpf.node"));
  const objects = join(ROOT, "bpf-programs/dist", node);
  if (!existsSync(objects)) throw new KernelsError(`${objects} does not exist; run 'npm run build' first`);
  // The bundled modules look for them in ../dist, as the sources do.
  for (const name of readdirSync(objects).filter((one) => one.endsWith(".bpf.o")))
    copyFileSync(join(objects, name), join(directory, "dist", node, basename(name)));
  copyFileSync(join(import.meta.dirname, "guest/init"), join(directory, "init"));
  chmodSync(join(directory, "init"), 0o755);
}
