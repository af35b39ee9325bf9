// Root file systems. The constant part (Node.js, its libraries, busybox) is an image that is kept; a run copies it and writes what it
// tests into the copy.
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { cached, hashFile } from "./cache.ts";
import type { Architecture } from "./kernels.ts";
import { KernelsError, run } from "./run.ts";

const SIZE = "384M";
const DIRECTORIES = "bin lib lib64 usr/lib proc sys dev tmp run root etc out test boot".split(" ");

/** What the constant part is made of. */
export interface RootParts {
  readonly architecture: Architecture;
  readonly node: string;
  readonly busybox: string;
  /** Path in the guest -> file here. */
  readonly libraries: ReadonlyMap<string, string>;
}

/** The libraries that programs of this machine need, under the names by which they ask for them. */
export function hostLibraries(programs: readonly string[]): Map<string, string> {
  const libraries = new Map<string, string>();
  for (const program of programs)
    for (const [, path] of run("ldd", [program]).matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm))
      if (path !== undefined) libraries.set(path, realpathSync(path));
  return libraries;
}

function findTool(name: string): string {
  const found = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
    .map((place) => join(place, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new KernelsError(`${name} is not installed: apt-get install e2fsprogs`);
  return found;
}

/** The image of the constant part, made once for its content. */
export async function baseImage(cache: string, parts: RootParts): Promise<string> {
  const files = new Map([["/bin/node", parts.node], ["/bin/busybox", parts.busybox], ...parts.libraries]);
  const hash = createHash("sha256").update(`${SIZE} ${DIRECTORIES.join(" ")}`);
  for (const [name, path] of files) hash.update(`\0${name}\0${await hashFile(path)}`);
  const place = join(cache, "roots", `${parts.architecture}-${hash.digest("hex").slice(0, 16)}`);
  await cached(place, (directory) => {
    const tree = join(directory, "tree");
    for (const name of DIRECTORIES) mkdirSync(join(tree, name), { recursive: true });
    for (const [name, path] of files) {
      mkdirSync(dirname(join(tree, name)), { recursive: true });
      copyFileSync(path, join(tree, name));
      chmodSync(join(tree, name), 0o755);
    }
    writeFileSync(join(tree, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    const image = join(directory, "root.ext4");
    run(findTool("mkfs.ext4"), ["-q", "-F", "-O", "^has_journal", "-m", "0", "-d", tree, image, SIZE]);
    rmSync(tree, { recursive: true });
    return Promise.resolve();
  });
  return join(place, "root.ext4");
}

function debugfs(image: string, commands: readonly string[], writable: boolean): void {
  const said = run(findTool("debugfs"), [...(writable ? ["-w"] : []), "-f", "-", image], {
    input: `${commands.join("\n")}\n`,
  });
  // It ends with 0 whatever happens, and repeats each command after a prompt.
  const errors = said.split("\n").filter((line) => line !== "" && !/^(debugfs: |Allocated inode)/.test(line));
  if (errors.length > 0) throw new KernelsError(`debugfs on ${image}: ${errors.join("; ")}`);
}

/** A copy of the base image with the files of `payload` and the plan in /test, and its `init` as the first process. */
export function writeRoot(base: string, payload: string, plan: string, image: string): void {
  run("cp", ["--sparse=always", "--reflink=auto", base, image]);
  const names = readdirSync(payload, { recursive: true, encoding: "utf8" }).sort();
  const commands = names.map((name) => {
    const path = join(payload, name);
    return statSync(path).isDirectory() ? `mkdir /test/${name}` : `write ${path} /test/${name}`;
  });
  debugfs(image, [...commands, `write ${plan} /test/plan`, `write ${join(payload, "init")} /init`], true);
}

/** What the guest wrote to /out, by file name. */
export function readOutput(image: string, directory: string): Map<string, string> {
  mkdirSync(directory, { recursive: true });
  debugfs(image, [`rdump /out ${directory}`], false);
  const place = join(directory, "out");
  if (!existsSync(place)) return new Map();
  const names = readdirSync(place, { recursive: true, encoding: "utf8" });
  return new Map(
    names
      .filter((name) => statSync(join(place, name)).isFile())
      .map((name) => [relative(place, join(place, name)), readFileSync(join(place, name), "utf8")]),
  );
}
