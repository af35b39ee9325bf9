import type { AttachStrategy, ProgramKind, Transport } from "@tcptracker/probes";
import type { Facts } from "./facts.ts";

/** How good or bad a finding is: `problem` keeps a tap from running, `warning` is something that it will lack. */
export type FindingState = "ok" | "info" | "warning" | "problem";

/** Which part of the diagnosis a finding belongs to. */
export type FindingArea = "kernel" | "rights" | "security" | "ways" | "installation";

/** Stable names of the findings. */
export type FindingCode =
  | "kernel"
  | "kernel_btf"
  | "jit"
  | "tracefs"
  | "capabilities"
  | "capabilities_not_needed"
  | "user_namespace"
  | "seccomp"
  | "no_new_privileges"
  | "locked_memory"
  | "open_files"
  | "container"
  | "lockdown"
  | "security_modules"
  | "unprivileged_bpf"
  | "perf_event_paranoid"
  | "kptr_restrict"
  | "fexit"
  | "kprobe"
  | "tracepoint"
  | "ringbuf"
  | "perfbuf"
  | "addon"
  | "programs";

/** One thing that was found out. */
export interface Finding {
  readonly code: FindingCode;
  readonly area: FindingArea;
  readonly state: FindingState;
  /** What is so, in plain words. */
  readonly text: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly advice?: string;
}

/** Why a way was refused, as an error said it. */
export interface RefusalReason {
  /** The error's stable code, e.g. ERR_BPF_PERMISSION. */
  readonly code: string;
  /** What was being done, e.g. "load tcptracker". */
  readonly operation?: string;
  /** The kernel's error number by name, e.g. EPERM. */
  readonly errno?: string;
  readonly message: string;
  /** The last lines of the verifier, where it refused. */
  readonly verifier?: string;
}

/** Whether a way to tap is open: `chosen` is the one that `auto` takes, `untried` what --quick left out. */
export type WayState = "chosen" | "usable" | "refused" | "untried";

/** A system call and what is attached to see it. */
export interface CallHook {
  /** As records name it, e.g. `sendto`. */
  readonly call: string;
  /** The kernel function or tracepoint, e.g. `__x64_sys_sendto`, `sys_exit`. */
  readonly target: string;
  /** Why it is not seen; absent when it is. */
  readonly reason?: string;
  /** Why only few of these calls may wait in the kernel at the same time without one being missed; mostly absent. */
  readonly limitation?: string;
  /** Why the second program is missing that stands by where this kernel may skip the first one; mostly absent. */
  readonly unpaired?: string;
}

/** A combination of attach strategy, kind of programs and transport, and how trying it ended. */
export interface WayReport {
  readonly strategy: AttachStrategy;
  readonly kind: ProgramKind;
  readonly transport: Transport;
  readonly state: WayState;
  /** How long loading, attaching and detaching took, in milliseconds; absent for what `auto` tried on its way. */
  readonly milliseconds?: number;
  /** Why it was refused; several where there are several sets of programs for it. */
  readonly reasons: readonly RefusalReason[];
  /** What was attached; empty unless it is open. */
  readonly hooks: readonly CallHook[];
  /** Whether it sees the calls of 32-bit programs. */
  readonly compat: boolean;
}

/** Stable names of what a tap does not see. */
export type BlindSpotCode =
  | "tls"
  | "io_uring"
  | "posix_aio"
  | "compat32"
  | "mptcp"
  | "not_tcp"
  | "sendfile"
  | "splice"
  | "urgent_data"
  | "zerocopy_receive"
  | "kernel_sockets"
  | "missing_hooks"
  | "blocked_before"
  | "waiting_calls"
  | "missed_runs"
  | "own_traffic";

/**
 * How it shows that something was not seen: `gap` records, a `counter` of {@link TapStatistics}, `nothing`, or
 * `impossible` where it cannot happen on this machine.
 */
export type Declaration = "gap" | "counter" | "nothing" | "impossible";

/** Something that a tap on this machine does not see. */
export interface BlindSpot {
  readonly code: BlindSpotCode;
  readonly state: Extract<FindingState, "ok" | "info" | "warning">;
  /** What is not seen. */
  readonly title: string;
  /** Why, and how it shows. */
  readonly text: string;
  readonly declared: Declaration;
}

/** Whether a tap would run, and if not, whose matter that is. */
export type Verdict = "works" | "not_permitted" | "not_supported" | "failed";

/** What `tcptracker doctor --json` prints, as one document. */
export interface Diagnosis {
  /** Of this document; a change that breaks readers makes it another number. */
  readonly format: 1;
  readonly verdict: Verdict;
  /** The verdict in one sentence. */
  readonly summary: string;
  /** What the command ends with: 0 works, 3 not_permitted, 4 not_supported, 1 failed. */
  readonly exitCode: 0 | 1 | 3 | 4;
  readonly findings: readonly Finding[];
  /** In the order of `auto`. */
  readonly ways: readonly WayReport[];
  /** What `auto` chose, as `tap` prints it; absent when nothing works. */
  readonly attachedAs?: string;
  /** Each system call with its hook, in the way that `auto` chose; empty when nothing works. */
  readonly hooks: readonly CallHook[];
  readonly blindSpots: readonly BlindSpot[];
  readonly facts: Facts;
}
