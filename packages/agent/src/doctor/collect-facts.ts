import { accessSync, constants, existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import { capabilitiesIn } from "./capabilities.ts";
import type { Facts } from "./facts.ts";

/** Where facts come from: a real machine, or a made-up one. */
export interface Machine {
  readonly release: string;
  readonly architecture: string;
  readonly uid: number;
  /** The bytes of a file; throws as node:fs does. */
  read(path: string): Uint8Array;
  exists(path: string): boolean;
  canRead(path: string): boolean;
  canWrite(path: string): boolean;
  size(path: string): number;
  /** Where a symbolic link leads; throws as node:fs does. */
  link(path: string): string;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    release: release(),
    architecture: process.arch,
    uid: process.geteuid?.() ?? -1,
    read: (path) => readFileSync(path),
    exists: (path) => existsSync(path),
    canRead: (path) => isAccessible(path, constants.R_OK),
    canWrite: (path) => isAccessible(path, constants.W_OK),
    size: (path) => statSync(path).size,
    link: (path) => readlinkSync(path),
  };
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

const SETTINGS = [
  "kernel.unprivileged_bpf_disabled",
  "kernel.perf_event_paranoid",
  "kernel.perf_event_mlock_kb",
  "kernel.kptr_restrict",
  "kernel.io_uring_disabled",
  "net.core.bpf_jit_enable",
  "net.core.bpf_jit_harden",
  "net.mptcp.enabled",
] as const;

const CONFIG_OPTIONS = [
  "BPF_SYSCALL",
  "BPF_JIT",
  "BPF_EVENTS",
  "DEBUG_INFO_BTF",
  "KPROBES",
  "FUNCTION_TRACER",
  "DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
  "IO_URING",
  "AIO",
  "IA32_EMULATION",
  "X86_X32_ABI",
  "COMPAT",
  "MPTCP",
  "SECURITY_LOCKDOWN_LSM",
] as const;

const MOUNTS = ["securityfs", "tracefs", "debugfs", "bpf"];
const BTF = "/sys/kernel/btf/vmlinux";

/** The kernel gives its first user namespace this number (PROC_USER_INIT_INO). */
const FIRST_USER_NAMESPACE = "user:[4026531837]";

/** Reads everything that is to be known without trying. Never throws: what cannot be read is in `unread`. */
export function collectFacts(machine: Machine = thisMachine()): Facts {
  const unread: Record<string, string> = {};
  const text = (path: string): string | undefined => {
    try {
      return Buffer.from(machine.read(path)).toString("utf8");
    } catch (error) {
      unread[path] = error instanceof Error && "code" in error ? String(error.code) : String(error);
      return undefined;
    }
  };
  const mounts = parseMounts(text("/proc/self/mounts") ?? "");
  return {
    kernel: kernelFacts(machine, unread),
    process: processFacts(machine, text),
    security: securityFacts(mounts["securityfs"] ?? "/sys/kernel/security", text),
    settings: settingsOf(text),
    mounts,
    probeList: ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].some((path) =>
      machine.canWrite(`${path}/kprobe_events`),
    ),
    unread,
  };
}

type ReadText = (path: string) => string | undefined;

function kernelFacts(machine: Machine, unread: Record<string, string>): Facts["kernel"] {
  const present = machine.exists(BTF);
  return {
    release: machine.release,
    architecture: machine.architecture,
    ...configOf(machine, unread),
    btf: present
      ? { present, readable: machine.canRead(BTF), bytes: machine.size(BTF) }
      : { present, readable: false },
    kprobeEvents: machine.exists("/sys/bus/event_source/devices/kprobe"),
  };
}

function configOf(
  machine: Machine,
  unread: Record<string, string>,
): Pick<Facts["kernel"], "config" | "configPath"> {
  const paths = [
    "/proc/config.gz",
    `/boot/config-${machine.release}`,
    `/lib/modules/${machine.release}/config`,
  ];
  const path = paths.find((candidate) => machine.exists(candidate));
  if (path === undefined) {
    unread["kernel configuration"] = `none of ${paths.join(", ")}`;
    return { config: {} };
  }
  try {
    const bytes = machine.read(path);
    return { config: parseConfig(path.endsWith(".gz") ? gunzipSync(bytes) : bytes), configPath: path };
  } catch (error) {
    unread[path] = error instanceof Error ? error.message : String(error);
    return { config: {} };
  }
}

/** The options that matter out of a kernel's .config; what is not set in it is `n`. */
export function parseConfig(bytes: Uint8Array): Record<string, string> {
  const set = new Map(
    [
      ...Buffer.from(bytes)
        .toString("utf8")
        .matchAll(/^CONFIG_(\w+)=(.*)$/gm),
    ].map(([, name, value]) => [name, value]),
  );
  return Object.fromEntries(CONFIG_OPTIONS.map((name) => [name, set.get(name) ?? "n"]));
}

function parseMounts(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.split(" "));
  // The first of each kind is the one that everybody means.
  const found = MOUNTS.flatMap((wanted) => {
    const path = lines.find(([, , type]) => type === wanted)?.[1];
    return path === undefined ? [] : [[wanted, path] as const];
  });
  return Object.fromEntries(found);
}

function processFacts(machine: Machine, text: ReadText): Facts["process"] {
  const status = text("/proc/self/status") ?? "";
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  const limits = text("/proc/self/limits") ?? "";
  const lockedMemoryLimit = softLimit(limits, "Max locked memory");
  const openFilesLimit = softLimit(limits, "Max open files");
  const container = containerSign(machine, text);
  return {
    uid: machine.uid,
    effective: capabilitiesIn(field("CapEff") ?? "0"),
    bounding: capabilitiesIn(field("CapBnd") ?? "0"),
    noNewPrivileges: field("NoNewPrivs") === "1",
    seccomp: field("Seccomp") === "2",
    initialUserNamespace: isFirstUserNamespace(machine),
    ...(lockedMemoryLimit === undefined ? {} : { lockedMemoryLimit }),
    ...(openFilesLimit === undefined ? {} : { openFilesLimit }),
    ...(container === undefined ? {} : { container }),
  };
}

/** Unless it is known to be another one. */
function isFirstUserNamespace(machine: Machine): boolean {
  try {
    return machine.link("/proc/self/ns/user") === FIRST_USER_NAMESPACE;
  } catch {
    return true;
  }
}

function softLimit(limits: string, name: string): number | undefined {
  const soft = new RegExp(`^${name}\\s+(\\d+)`, "m").exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function containerSign(machine: Machine, text: ReadText): string | undefined {
  const file = ["/.dockerenv", "/run/.containerenv"].find((path) => machine.exists(path));
  if (file !== undefined) return file;
  if (machine.exists("/var/run/secrets/kubernetes.io")) return "/var/run/secrets/kubernetes.io";
  return /(?:docker|kubepods|containerd|libpod|lxc)[^\n]*/.exec(text("/proc/self/cgroup") ?? "")?.[0];
}

function securityFacts(directory: string, text: ReadText): Facts["security"] {
  const modules = text(`${directory}/lsm`)?.trim().split(",");
  const listed = text(`${directory}/lockdown`);
  // Where the list of modules can be read and lockdown is not there, the kernel has none.
  const absent = listed === undefined && modules !== undefined ? "none" : undefined;
  const lockdown = /\[(\w+)\]/.exec(listed ?? "")?.[1] ?? absent;
  return {
    ...(lockdown === undefined ? {} : { lockdown }),
    ...(modules === undefined ? {} : { modules }),
  };
}

function settingsOf(text: ReadText): Record<string, number> {
  const found = SETTINGS.flatMap((name) => {
    const value = text(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim();
    return value === undefined || !/^-?\d+$/.test(value) ? [] : [[name, Number(value)] as const];
  });
  return Object.fromEntries(found);
}
