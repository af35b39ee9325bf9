import { existsSync } from "node:fs";

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
