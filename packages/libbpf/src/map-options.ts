import { checkPositive, checkString } from "./arguments.ts";
import { BpfError, invalidArgument } from "./errors.ts";
import { invoke } from "./invoke.ts";
import type { BpfMap } from "./map.ts";
import type { Native } from "./native.ts";

/** Changes to a map before its object is loaded. */
export interface BpfMapOptions {
  /** Number of elements; bytes for a ring buffer (libbpf rounds up to a power of two). */
  maxEntries?: number;
  /** Path in a bpf file system: the map there is reused, or this one is put there when there is none. */
  pinPath?: string;
  /** Whether to create it (default true). Programs that use a map that is not created do not load. */
  autocreate?: boolean;
  /** Use this map, of the same type and sizes, instead of creating one. */
  reuse?: BpfMap;
  /** For a map of maps: a map like those that will be put into it. */
  innerMap?: BpfMap;
}

/** @internal */
export function applyMapOptions(map: BpfMap, options: BpfMapOptions): void {
  const operation = `configure map ${map.name}`;
  const configure = (action: (native: Native) => void): void => invoke(operation, "ERR_BPF_MAP", action);
  const { maxEntries, pinPath, autocreate, reuse, innerMap } = options;
  if (maxEntries !== undefined) {
    checkPositive(operation, "maxEntries", maxEntries);
    configure((native) => native.mapConfigure(map.handle, "maxEntries", maxEntries));
  }
  if (pinPath !== undefined) {
    checkString(operation, "pinPath", pinPath);
    configure((native) => native.mapConfigure(map.handle, "pinPath", pinPath));
  }
  if (autocreate !== undefined)
    configure((native) => native.mapConfigure(map.handle, "autocreate", autocreate));
  if (reuse !== undefined) {
    const fd = loadedFd(operation, "reuse", reuse);
    // libbpf would take over whatever the descriptor is, and the programs would fail to load for no visible reason.
    for (const property of ["type", "keySize", "valueSize"] as const) {
      if (map[property] === reuse[property]) continue;
      const reason = `the map given as reuse has ${property} ${reuse[property]}, not ${map[property]}`;
      throw invalidArgument(operation, reason);
    }
    configure((native) => native.mapConfigure(map.handle, "reuseFd", fd));
  }
  if (innerMap !== undefined) {
    const fd = loadedFd(operation, "innerMap", innerMap);
    configure((native) => native.mapConfigure(map.handle, "innerMapFd", fd));
  }
}

function loadedFd(operation: string, what: string, map: BpfMap): number {
  const { fd } = map;
  if (fd < 0)
    throw new BpfError("ERR_BPF_NOT_LOADED", { operation, reason: `the map given as ${what} is not loaded` });
  return fd;
}
