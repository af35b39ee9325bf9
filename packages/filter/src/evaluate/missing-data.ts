import type { FilterInput } from "../names/input.ts";

const NOTHING = new Uint8Array(0);

/**
 * The bytes that a gap without a call declares missing, as the data record that they would have been. What it would have
 * said of its own call is not known: {@link UNKNOWN_OF_MISSING}.
 */
export function asMissingData(gap: FilterInput): FilterInput {
  return {
    type: "data",
    direction: gap.direction,
    syscall: undefined,
    cause: undefined,
    connectionId: gap.connectionId,
    role: gap.role,
    joined: gap.joined,
    network: gap.network,
    localAddress: gap.localAddress,
    remoteAddress: gap.remoteAddress,
    localAddressBytes: gap.localAddressBytes,
    remoteAddressBytes: gap.remoteAddressBytes,
    localPort: gap.localPort,
    remotePort: gap.remotePort,
    pid: gap.pid,
    tid: gap.tid,
    uid: gap.uid,
    processName: gap.processName,
    cgroup: gap.cgroup,
    offsetNumber: gap.offsetNumber,
    sizeNumber: 0,
    payload: NOTHING,
    attribute: (name, key) => gap.attribute?.(name, key) ?? "",
  };
}

/** One gap may stand for several calls: which they were, who of a process made them, how much each moved, and what. */
export const UNKNOWN_OF_MISSING: ReadonlySet<string> = new Set([
  "payload",
  "size",
  "offset",
  "syscall",
  "process.tid",
]);
