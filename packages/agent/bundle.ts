// Makes dist/bundle/: the command in one file, with what cannot be inlined beside it. It needs Node.js and nothing else.
//
//   tcptracker.js                        all of @tcptracker/*, with a shebang
//   kubernetes.js                        the Kubernetes client, which takes memory: loaded only where it is used
//   native/linux-<arch>/libbpf.node      the bridge, for each architecture that was built
//   bpf/<arch>/<strategy>.bpf.o          the eBPF programs, likewise
//   package.json                         the version, and that this is ESM
//   LICENSE
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";

const ARCHITECTURES = ["x64", "arm64"];

const root = import.meta.dirname;
const addons = join(root, "../libbpf/dist/native");
const objects = join(root, "../../bpf-programs/dist");
const finished = join(root, "dist/bundle");
// A directory that is half made must not look like a bundle, nor one that somebody is running disappear for long.
const output = `${finished}.${process.pid}.tmp`;

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22.18",
  conditions: ["@tcptracker/source"],
  legalComments: "inline",
  logLevel: "warning",
};

// What is written for CommonJS asks for parts of Node.js by require().
const REQUIRE =
  'import { createRequire } from "node:module";\nconst require = createRequire(import.meta.url);';

const apart: Plugin = {
  name: "kubernetes-apart",
  setup: (plugin) => {
    plugin.onResolve({ filter: /^\.\/kubernetes\.ts$/ }, () => ({ path: "./kubernetes.js", external: true }));
  },
};

async function bundleCode(): Promise<void> {
  const command = join(output, "tcptracker.js");
  await build({
    ...common,
    entryPoints: ["src/bundle-entry.ts"],
    outfile: command,
    banner: { js: `#!/usr/bin/env node\n${REQUIRE}` },
    plugins: [apart],
  });
  await chmod(command, 0o755);
  await build({
    ...common,
    entryPoints: ["src/attribution/kubernetes.ts"],
    outfile: join(output, "kubernetes.js"),
    banner: { js: REQUIRE },
  });
}

/** Copies what was built of one architecture; says whether it is all there. */
async function copyBinaries(architecture: string): Promise<boolean> {
  const addon = join(addons, `linux-${architecture}`, "libbpf.node");
  const programs = join(objects, architecture);
  if (!existsSync(addon) || !existsSync(programs)) return false;
  await mkdir(join(output, "native", `linux-${architecture}`), { recursive: true });
  await copyFile(addon, join(output, "native", `linux-${architecture}`, "libbpf.node"));
  await mkdir(join(output, "bpf", architecture), { recursive: true });
  // layout.bpf.o is there for the code generator; nothing loads it.
  for (const name of await readdir(programs))
    if (name.endsWith(".bpf.o") && name !== "layout.bpf.o")
      await copyFile(join(programs, name), join(output, "bpf", architecture, name));
  return true;
}

async function writeManifest(): Promise<void> {
  const own = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as Record<string, unknown>;
  const { name, version, description, license, type, engines } = own;
  const manifest = { name, version, private: true, description, license, type, engines };
  await writeFile(
    join(output, "package.json"),
    `${JSON.stringify({ ...manifest, bin: { tcptracker: "./tcptracker.js" } }, undefined, 2)}\n`,
  );
}

await rm(output, { recursive: true, force: true });
await mkdir(output, { recursive: true });
try {
  await bundleCode();
  await writeManifest();
  await cp(join(root, "LICENSE"), join(output, "LICENSE"));
  const copied: string[] = [];
  for (const architecture of ARCHITECTURES) if (await copyBinaries(architecture)) copied.push(architecture);
  if (copied.length === 0)
    throw new Error("neither the native addon nor the eBPF programs are built; run 'nx run-many -t compile'");
  await rm(finished, { recursive: true, force: true });
  await rename(output, finished);
  console.log(`${finished} (${copied.join(", ")})`);
} finally {
  await rm(output, { recursive: true, force: true });
}
