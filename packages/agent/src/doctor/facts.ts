import type { Capability } from "./capabilities.ts";

/** What the doctor found out about the machine without trying anything. What it could not read is absent. */
export interface Facts {
  readonly kernel: {
    /** As `uname -r` prints it. */
    readonly release: string;
    /** As Node.js names it: x64, arm64, … */
    readonly architecture: string;
    /** Options of the build that matter here, `y`, `m`, `n` or a value; empty when the configuration cannot be read. */
    readonly config: Readonly<Record<string, string>>;
    /** Where they were read. */
    readonly configPath?: string;
    /** /sys/kernel/btf/vmlinux. */
    readonly btf: { readonly present: boolean; readonly readable: boolean; readonly bytes?: number };
    /** Whether the kernel has perf events for kprobes. */
    readonly kprobeEvents: boolean;
  };
  readonly process: {
    readonly uid: number;
    readonly effective: readonly Capability[];
    readonly bounding: readonly Capability[];
    /** Whether programs that it starts can gain rights, by file capabilities for one. */
    readonly noNewPrivileges: boolean;
    /** Whether a seccomp filter is in force. */
    readonly seccomp: boolean;
    /** Capabilities inside a user namespace of its own count for nothing with eBPF. */
    readonly initialUserNamespace: boolean;
    /** Soft limit of locked memory in bytes; absent: without limit. */
    readonly lockedMemoryLimit?: number;
    /** Soft limit of open files; absent: not known, or without limit. */
    readonly openFilesLimit?: number;
    /** What says that this is a container, e.g. a file or a cgroup. */
    readonly container?: string;
  };
  readonly security: {
    readonly lockdown?: string;
    readonly modules?: readonly string[];
  };
  /** By name, e.g. `kernel.unprivileged_bpf_disabled`. */
  readonly settings: Readonly<Record<string, number>>;
  /** Type of file system to where it is mounted: securityfs, tracefs, debugfs, bpf. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Whether this process may write tracefs' list of probes, which the kprobe strategy does where it can. */
  readonly probeList: boolean;
  /** What could not be read, with the reason. */
  readonly unread: Readonly<Record<string, string>>;
}

/** Above this kernel.perf_event_paranoid, which only distributions' kernels know, CAP_PERFMON does not open perf events. */
export const MOST_PARANOID_WITH_PERFMON = 2;

/**
 * Files that a process may have open for a tap to have enough in every way: some 260 programs, maps and hooks where second copies are
 * needed, one a CPU for perf buffers, and what Node.js, the container runtimes and the exporter keep open. The least that does is some 70.
 */
export const ENOUGH_OPEN_FILES = 1024;

/** What to do where that is too much. */
export const ADVICE_FOR_OPEN_FILES: string = `raise 'ulimit -n' (a systemd unit: LimitNOFILE) to ${ENOUGH_OPEN_FILES} or more`;

/** The number that a setting has; undefined when it is not known. */
export function setting(facts: Facts, name: string): number | undefined {
  return facts.settings[name];
}

/** Whether the release is older than this one; undefined when it says nothing. */
export function isOlderThan(facts: Facts, major: number, minor: number): boolean | undefined {
  const match = /^(\d+)\.(\d+)/.exec(facts.kernel.release);
  if (match === null) return undefined;
  const [have, haveMinor] = [Number(match[1]), Number(match[2])];
  return have < major || (have === major && haveMinor < minor);
}
