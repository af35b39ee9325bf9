import { release } from "node:os";
import type { BpfError } from "@tcptracker/libbpf";
import { missingRights, ownCapabilities } from "../doctor/capabilities.ts";
import { isReleaseBefore } from "../doctor/facts.ts";
import { TapError } from "../errors.ts";

/**
 * Whether a refusal (EPERM) is for want of locked memory: before Linux 5.11 eBPF maps count as such.
 * `kernelRelease`: as uname says it.
 */
export function isLackOfLockedMemory(
  { operation = "", message }: { readonly operation?: string | undefined; readonly message: string },
  kernelRelease: string,
): boolean {
  return isReleaseBefore(kernelRelease, 5, 11) === true && /map|memlock/i.test(operation + message);
}

/** What of the machine and the process a refusal is judged by. */
export interface Surroundings {
  readonly kernelRelease: string;
  /** Rights that a tap needs and the process does not have. */
  readonly missing: readonly string[];
}

/** What the refusals of all ways to tap mean: the last resort counts, as the ways before it may well be missing on a kernel. */
export function asTapError(
  refusals: readonly BpfError[],
  { kernelRelease, missing }: Surroundings = {
    kernelRelease: release(),
    missing: missingRights(ownCapabilities()),
  },
): TapError {
  const cause =
    refusals.length === 1 ? refusals[0] : new AggregateError(refusals, "every set of programs was refused");
  const last = refusals.at(-1);
  const reason = last?.message ?? "no programs of the kind asked for belong to this attach strategy";
  const code = last?.code;
  if (code === "ERR_BPF_PERMISSION" && missing.length > 0)
    return new TapError(
      "ERR_TAP_NOT_PERMITTED",
      `not permitted to load or attach eBPF programs; run as root or with CAP_BPF and CAP_PERFMON (${reason})`,
      { cause },
    );
  if (code === "ERR_BPF_PERMISSION" && last !== undefined && isLackOfLockedMemory(last, kernelRelease))
    return new TapError(
      "ERR_TAP_NOT_PERMITTED",
      `not permitted to lock the memory that eBPF maps take before Linux 5.11; add CAP_SYS_RESOURCE or raise 'ulimit -l' (${reason})`,
      { cause },
    );
  if (code === "ERR_BPF_PERMISSION" || code === "ERR_BPF_NOT_SUPPORTED" || code === "ERR_BPF_VERIFIER")
    return new TapError(
      "ERR_TAP_NOT_SUPPORTED",
      `this kernel does not accept the eBPF programs; 'tcptracker doctor' says which it does: ${reason}`,
      { cause },
    );
  return new TapError("ERR_TAP_KERNEL", reason, { cause });
}
