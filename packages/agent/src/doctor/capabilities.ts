/** Bits of the capabilities (capability.h) that have to do with tapping, or that people think have. */
const BITS = {
  CAP_NET_ADMIN: 12,
  CAP_IPC_LOCK: 14,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_SYSLOG: 34,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
} as const;

/** A capability that the doctor looks at. */
export type Capability = keyof typeof BITS;

/** All of them, in the order in which they are shown. */
export const CAPABILITIES: readonly Capability[] = [
  "CAP_BPF",
  "CAP_PERFMON",
  "CAP_SYS_ADMIN",
  "CAP_SYS_RESOURCE",
  "CAP_IPC_LOCK",
  "CAP_NET_ADMIN",
  "CAP_SYS_PTRACE",
  "CAP_SYSLOG",
];

/**
 * The capabilities in a set of /proc/PID/status.
 *
 * @param hexadecimal - e.g. `000000c000000000`
 */
export function capabilitiesIn(hexadecimal: string): Capability[] {
  const set = BigInt(`0x${hexadecimal}`);
  return CAPABILITIES.filter((name) => ((set >> BigInt(BITS[name])) & 1n) === 1n);
}

/** What of CAP_BPF and CAP_PERFMON a set lacks; CAP_SYS_ADMIN stands for both. */
export function missingRights(effective: readonly Capability[]): Capability[] {
  if (effective.includes("CAP_SYS_ADMIN")) return [];
  return (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !effective.includes(name));
}

/** What a process without them has to do. */
export function adviceForRights(bounding: readonly Capability[]): string {
  // Outside the bounding set they cannot be had, whoever the process becomes.
  const barred = bounding.includes("CAP_SYS_ADMIN")
    ? []
    : (["CAP_BPF", "CAP_PERFMON"] as const).filter((name) => !bounding.includes(name));
  if (barred.length === 0)
    return (
      "run as root, or: setpriv --reuid=USER --regid=GROUP --clear-groups " +
      "--inh-caps=+bpf,+perfmon --ambient-caps=+bpf,+perfmon -- tcptracker tap"
    );
  return (
    `start it where it may have ${barred.join(" and ")}, which the bounding set leaves out ` +
    "(a container: cap_add; a systemd unit: CapabilityBoundingSet)"
  );
}
