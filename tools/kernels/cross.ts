// Building for the architecture that this machine has not: clang, lld, and Debian's packages of the other one, unpacked.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Apt } from "./apt.ts";
import { cached } from "./cache.ts";
import { NODE_ARCHITECTURE, type Architecture } from "./kernels.ts";
import { ROOT, type Toolchain } from "./payload.ts";
import type { RootParts } from "./root-image.ts";
import { KernelsError, run } from "./run.ts";

const TRIPLET: Readonly<Record<Architecture, string>> = {
  amd64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
};

/** What the addon and the C programs are built with, and the guest's busybox. */
const PACKAGES = [
  ...["libc6", "libc6-dev", "linux-libc-dev", "libstdc++6", "libstdc++-12-dev", "libgcc-s1", "libgcc-12-dev"],
  ...["libbpf-dev", "libelf1", "libelf-dev", "zlib1g", "zlib1g-dev", "busybox-static"],
];

/** The libraries that Node.js and the addon ask for. */
const LIBRARIES = [
  ...["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"],
  ...["libstdc++.so.6", "libgcc_s.so.1", "libelf.so.1", "libz.so.1"],
];

/** All packages in one tree. */
async function sysroot(apt: Apt, cache: string, architecture: Architecture): Promise<string> {
  const places: string[] = [];
  for (const name of PACKAGES) places.push(await apt.unpacked(name, architecture));
  const hash = createHash("sha256").update(places.join("\n")).digest("hex").slice(0, 16);
  return await cached(join(cache, "sysroots", `${architecture}-${hash}`), (directory) => {
    for (const place of places) run("cp", ["-a", `${place}/files/.`, directory]);
    return Promise.resolve();
  });
}

interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly integrity?: string } | undefined>
  >;
}

/** The Node.js that the lock file pins, from npm: the one that `npm ci` installs on such a machine. */
async function nodeOf(cache: string, architecture: Architecture): Promise<string> {
  const name = `node-linux-${NODE_ARCHITECTURE[architecture]}`;
  const lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as LockFile;
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity?.startsWith("sha512-") !== true)
    throw new KernelsError(`package-lock.json does not pin ${name}`);
  const place = await cached(join(cache, "node", `${name}-${version}`), (directory) => {
    run("npm", ["pack", "--silent", `${name}@${version}`, "--pack-destination", directory], { seconds: 600 });
    const archive = join(directory, readdirSync(directory).find((file) => file.endsWith(".tgz")) ?? "");
    const hash = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (`sha512-${hash}` !== integrity)
      throw new KernelsError(`${name}@${version} is not what package-lock.json says`);
    run("tar", ["-x", "-C", directory, "-f", archive, "package/bin/node"]);
    rmSync(archive);
    return Promise.resolve();
  });
  return join(place, "package/bin/node");
}

/** Debian's packages put libraries in either place, and merge them only when installed. */
function findLibrary(root: string, architecture: Architecture, name: string): string {
  const found = ["lib", "usr/lib"]
    .map((directory) => join(root, directory, TRIPLET[architecture], name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new KernelsError(`${name} is in none of the packages for ${architecture}`);
  return realpathSync(found);
}

function loader(root: string, architecture: Architecture): [string, string] {
  const [path, name] =
    architecture === "arm64"
      ? ["/lib/ld-linux-aarch64.so.1", "ld-linux-aarch64.so.1"]
      : ["/lib64/ld-linux-x86-64.so.2", "ld-linux-x86-64.so.2"];
  return [path, findLibrary(root, architecture, name)];
}

/** The toolchain for another architecture, with the addon built by it, and what a root file system needs. */
export async function crossBuild(
  apt: Apt,
  cache: string,
  architecture: Architecture,
  work: string,
): Promise<{ toolchain: Toolchain; parts: RootParts }> {
  const root = await sysroot(apt, cache, architecture);
  const target = [`--target=${TRIPLET[architecture]}`, "-fuse-ld=lld", "-Wno-unused-command-line-argument"];
  const addon = join(work, "libbpf.node");
  run(process.execPath, [join(ROOT, "packages/libbpf/build.ts")], {
    env: {
      ...process.env,
      CXX: ["clang++-19", ...target].join(" "),
      LIBBPF_TARGET_ARCH: NODE_ARCHITECTURE[architecture],
      LIBBPF_SYSROOT: root,
      LIBBPF_OUTPUT: addon,
    },
  });
  const directory = `/lib/${TRIPLET[architecture]}`;
  const libraries = LIBRARIES.map((name): [string, string] => [
    `${directory}/${name}`,
    findLibrary(root, architecture, name),
  ]);
  const busybox = ["bin/busybox", "usr/bin/busybox"]
    .map((name) => join(root, name))
    .find((path) => existsSync(path));
  if (busybox === undefined) throw new KernelsError("busybox-static has no busybox");
  return {
    toolchain: { compiler: ["clang-19", ...target, `--sysroot=${root}`], addon },
    parts: {
      architecture,
      node: await nodeOf(cache, architecture),
      busybox,
      libraries: new Map([loader(root, architecture), ...libraries]),
    },
  };
}
