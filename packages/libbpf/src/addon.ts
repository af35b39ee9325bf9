import { existsSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { BpfError } from "./errors.ts";
import { applyLevel } from "./logger.ts";
import type { Native } from "./native.ts";

let loaded: Native | undefined;
let override: string | undefined;

/**
 * Says where the native addon file (libbpf.node) is, for programs that are bundled or laid out in another way.
 * Call it before anything else of this package. The environment variable LIBBPF_ADDON does the same and wins.
 */
export function setAddonPath(path: string): void {
  if (loaded !== undefined) {
    throw new BpfError("ERR_BPF_INVALID_STATE", {
      operation: "set the addon's path",
      reason: "the addon is already loaded",
    });
  }
  override = resolve(path);
}

/** Where the addon may be, first to be tried first. */
export function addonCandidates(): string[] {
  const fromEnvironment = process.env["LIBBPF_ADDON"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return [resolve(fromEnvironment)];
  if (override !== undefined) return [override];
  const folder = `${process.platform}-${process.arch}`;
  // This module is <package>/src/addon.ts or <package>/dist/addon.js; a bundle may have native/ beside it.
  const here = dirname(fileURLToPath(import.meta.url));
  return [
    join(here, "..", "dist", "native", folder, "libbpf.node"),
    join(here, "native", folder, "libbpf.node"),
    join(here, "libbpf.node"),
  ];
}

function hintFor(problem: string): string {
  if (process.platform !== "linux") return "eBPF exists on Linux only";
  const library = /(lib(?:elf|z)\.so[.\d]*)/.exec(problem)?.[1];
  if (library !== undefined) {
    return `Install ${library} (Debian, Ubuntu: apt-get install libelf1 zlib1g; Fedora: dnf install elfutils-libelf zlib)`;
  }
  if (/GLIBC_|musl|ld-linux/.test(problem)) {
    return "The addon was built for another C library; build it on this system: node build.ts in the package's folder";
  }
  return "Build it (nx run @tcptracker/libbpf:compile, or node build.ts in the package's folder), or set LIBBPF_ADDON to its path";
}

function load(): Native {
  const problems: string[] = [];
  let cause: unknown;
  for (const path of addonCandidates()) {
    if (!existsSync(path)) {
      problems.push(`${path}: no such file`);
      continue;
    }
    try {
      // Not require(): a bundler would try to resolve it, and this way symbols stay local to the addon.
      const module = { exports: {} };
      process.dlopen(module, path, constants.dlopen.RTLD_NOW);
      return module.exports as Native;
    } catch (error) {
      cause = error;
      problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new BpfError("ERR_BPF_ADDON", {
    operation: "load the native addon",
    reason: `tried\n  ${problems.join("\n  ")}\n `,
    hint: hintFor(problems.join("\n")),
    cause,
  });
}

/** The addon, loaded on first use so that importing the package never fails. */
export function addon(): Native {
  if (loaded === undefined) {
    loaded = load();
    applyLevel(loaded);
  }
  return loaded;
}

/** The addon if something used it already. */
export function loadedAddon(): Native | undefined {
  return loaded;
}
