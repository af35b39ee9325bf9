import { existsSync, readFileSync } from "node:fs";

import { ENOENT } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { invokeQuiet } from "./invoke.ts";

/** Where tracefs usually is. */
const places = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/**
 * A folder through which tracefs can be reached: where it is mounted, else a mount of our own that nobody else sees,
 * which needs CAP_SYS_ADMIN. Good for this process only.
 *
 * @throws BpfError when it can be had in neither way
 */
export function openTracefs(): string {
  const mounted = places.find((place) => existsSync(`${place}/events`));
  if (mounted !== undefined) return mounted;
  const fd = invokeQuiet("mount tracefs", "ERR_BPF_NOT_SUPPORTED", (native) => native.tracefsMount());
  return `/proc/self/fd/${fd}`;
}

/**
 * The id of a tracepoint's event.
 *
 * @throws BpfError when there is no such tracepoint (ERR_BPF_ATTACH), or tracefs cannot be had
 */
export function tracepointId(operation: string, category: string, name: string): number {
  const path = `${openTracefs()}/events/${category}/${name}/id`;
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new BpfError("ERR_BPF_ATTACH", {
      operation,
      reason: "there is no such tracepoint, or it may not be read",
      errno: ENOENT,
      hint: "Tracepoints are listed in available_events of tracefs",
      cause,
    });
  }
}
