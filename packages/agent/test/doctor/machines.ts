import { gzipSync } from "node:zlib";
import type { Machine } from "../../src/doctor/collect-facts.ts";

/** What a machine's files say; everything else is not there. */
export interface MachineFiles {
  readonly release?: string;
  readonly architecture?: string;
  readonly uid?: number;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Paths that exist and may not be read. */
  readonly forbidden?: readonly string[];
  readonly links?: Readonly<Record<string, string>>;
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** A machine that consists of these files. */
export function machineOf(recorded: MachineFiles): Machine {
  const { release = "6.12.57", architecture = "x64", uid = 0, files, forbidden = [], links = {} } = recorded;
  const paths = [...Object.keys(files), ...forbidden];
  // A directory is there when something is in it.
  const exists = (path: string): boolean =>
    paths.some((each) => each === path || each.startsWith(`${path}/`));
  const read = (path: string): Uint8Array => {
    if (forbidden.includes(path)) throw failure("EACCES", path);
    const content = files[path];
    if (content === undefined) throw failure("ENOENT", path);
    return Buffer.from(content);
  };
  return {
    release,
    architecture,
    uid,
    read,
    exists,
    canRead: (path) => exists(path) && !forbidden.includes(path),
    canWrite: (path) => exists(path) && !forbidden.includes(path) && uid === 0,
    size: (path) => read(path).length,
    link: (path) => links[path] ?? "user:[4026531837]",
  };
}

export const ALL_CAPABILITIES = "000001ffffffffff";
export const NO_CAPABILITIES = "0000000000000000";
/** CAP_PERFMON is bit 38, CAP_BPF bit 39. */
export const BPF_AND_PERFMON = "000000c000000000";
export const ONLY_BPF = "0000008000000000";
export const ONLY_SYS_ADMIN = "0000000000200000";

/** /proc/self/status, as far as it is read. */
export function status(effective: string, bounding = effective, seccomp = 0, noNewPrivileges = 0): string {
  return [
    "Name:\tnode",
    "CapInh:\t0000000000000000",
    `CapEff:\t${effective}`,
    `CapBnd:\t${bounding}`,
    `NoNewPrivs:\t${noNewPrivileges}`,
    `Seccomp:\t${seccomp}`,
    "",
  ].join("\n");
}

const LIMITS =
  "Limit                     Soft Limit           Hard Limit           Units     \n" +
  "Max locked memory         8388608              8388608              bytes     \n" +
  "Max open files            1024                 524288               files     \n";

const CONFIG = [
  "CONFIG_BPF_SYSCALL=y",
  "CONFIG_DEBUG_INFO_BTF=y",
  "CONFIG_KPROBES=y",
  "CONFIG_IO_URING=y",
  "CONFIG_AIO=y",
  "CONFIG_IA32_EMULATION=y",
  "# CONFIG_X86_X32_ABI is not set",
  "CONFIG_MPTCP=y",
].join("\n");

/** The files of a distribution's server, as root sees them. */
export const SERVER_FILES = {
  "/proc/self/status": status(ALL_CAPABILITIES),
  "/proc/self/limits": LIMITS,
  "/proc/self/mounts":
    "securityfs /sys/kernel/security securityfs rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n",
  "/proc/self/cgroup": "0::/user.slice/session-1.scope\n",
  "/proc/sys/kernel/unprivileged_bpf_disabled": "2\n",
  "/proc/sys/kernel/perf_event_paranoid": "3\n",
  "/proc/sys/kernel/kptr_restrict": "0\n",
  "/proc/sys/kernel/io_uring_disabled": "0\n",
  "/proc/sys/net/core/bpf_jit_enable": "1\n",
  "/proc/sys/net/core/bpf_jit_harden": "0\n",
  "/proc/sys/net/mptcp/enabled": "1\n",
  "/sys/kernel/btf/vmlinux": "x".repeat(5 * 1024 * 1024),
  "/sys/bus/event_source/devices/kprobe/type": "6\n",
  "/sys/kernel/tracing/kprobe_events": "0\n",
  "/sys/kernel/security/lsm": "lockdown,capability,landlock,yama,apparmor,bpf",
  "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
  "/proc/config.gz": gzipSync(CONFIG),
} as const;

/** The server's files, with some of them changed or (undefined) taken away. */
export function serverFiles(
  changes: Readonly<Record<string, string | Uint8Array | undefined>> = {},
): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = {};
  const changed: Record<string, string | Uint8Array | undefined> = { ...SERVER_FILES, ...changes };
  for (const [path, content] of Object.entries(changed)) if (content !== undefined) files[path] = content;
  return files;
}

/** A container with Docker's default profile: masked /sys, a seccomp filter, few capabilities. */
export const CONTAINER: MachineFiles = {
  uid: 0,
  files: serverFiles({
    "/proc/self/status": status("00000000a80425fb", "00000000a80425fb", 2),
    "/proc/self/mounts": "overlay / overlay rw 0 0\n",
    "/proc/self/cgroup": "0::/\n",
    "/.dockerenv": "",
    "/sys/kernel/security/lsm": undefined,
    "/sys/kernel/security/lockdown": undefined,
    "/sys/kernel/tracing/kprobe_events": undefined,
    "/proc/config.gz": undefined,
  }),
};
