import { adviceForRights, missingRights } from "./capabilities.ts";
import type { RefusalReason, WayReport } from "./diagnosis.ts";
import {
  ADVICE_FOR_OPEN_FILES,
  isOlderThan,
  MOST_PARANOID_WITH_PERFMON,
  setting,
  type Facts,
} from "./facts.ts";

/**
 * Whose matter a refusal is: what the process may do, what the kernel can, what is installed, or how much of something
 * there is; unknown for one that nothing is known of.
 */
export type Whose = "rights" | "kernel" | "installation" | "resources" | "unknown";

/** A refusal in plain words. */
export interface Explanation {
  readonly whose: Whose;
  /** What it means. */
  readonly text: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly advice?: string;
}

type Way = Pick<WayReport, "strategy" | "transport">;

/** What `auto` tries at the end; also what a refusal is of that came before any way. */
export const LAST_RESORT: Way = { strategy: "tracepoint", transport: "ringbuf" };

/** What a refusal means on this machine: for `tap`, which ends with it, and for `doctor`. */
export function explainRefusal(reason: RefusalReason, way: Way, facts: Facts): Explanation {
  return (
    explainInstallation(reason) ??
    explainResources(reason, facts) ??
    explainMissingBtf(reason, facts) ??
    explainPermission(reason, way, facts) ??
    explainNotImplemented(reason, facts) ??
    explainKernel(reason, way, facts) ??
    explainRest(reason)
  );
}

function explainRest(reason: RefusalReason): Explanation {
  const text = `the kernel refuses it: ${shortened(reason)}`;
  if (reason.code === "ERR_BPF_NOT_SUPPORTED") return { whose: "kernel", text };
  const advice = "report it, with the output of 'tcptracker doctor --json': no kernel is expected to do this";
  return { whose: "unknown", text, advice };
}

function explainResources({ errno }: RefusalReason, { process }: Facts): Explanation | undefined {
  switch (errno) {
    case "EMFILE":
      return {
        whose: "resources",
        text:
          process.openFilesLimit === undefined
            ? "the process has as many files open as it may"
            : `the process may have ${process.openFilesLimit} files open at a time, and a tap needs more`,
        advice: ADVICE_FOR_OPEN_FILES,
      };
    case "ENOMEM":
      return {
        whose: "resources",
        text: "there is not enough memory for the buffers",
        advice: "a smaller --buffer-size",
      };
    default:
      return undefined;
  }
}

function explainInstallation({ code, message }: RefusalReason): Explanation | undefined {
  switch (code) {
    case "ERR_BPF_ADDON":
      return { whose: "installation", text: "the native addon does not load" };
    case "ERR_PROBES_NOT_BUILT":
    case "ERR_TAP_LAYOUT":
      return { whose: "installation", text: message, advice: "npm run build" };
    case "ERR_PROBES_ARCHITECTURE":
    case "ERR_PROBES_STRATEGY":
    case "ERR_TAP_NOT_BUILT_IN":
      return { whose: "kernel", text: message };
    default:
      return undefined;
  }
}

/** Without BTF nothing can be loaded; what libbpf says about it varies. */
function explainMissingBtf({ errno, code }: RefusalReason, facts: Facts): Explanation | undefined {
  if (facts.kernel.btf.present || errno === "EPERM" || code === "ERR_BPF_PERMISSION") return undefined;
  // BTF is asked for by programs, not by bpf itself.
  if (errno === "ENOSYS") return undefined;
  return {
    whose: "kernel",
    text: "the kernel does not describe its own structures (there is no /sys/kernel/btf/vmlinux)",
    advice: "use a kernel built with CONFIG_DEBUG_INFO_BTF=y; in a container, see that /sys is mounted",
  };
}

function explainPermission(reason: RefusalReason, way: Way, facts: Facts): Explanation | undefined {
  const { errno } = reason;
  if (errno !== "EPERM" && errno !== "EACCES") return undefined;
  // The verifier says EACCES when it refuses a program for what it does.
  if (reason.code === "ERR_BPF_VERIFIER") return undefined;
  const { process } = facts;
  const missing = missingRights(process.effective);
  if (missing.length > 0)
    return {
      whose: "rights",
      text: `the process lacks ${missing.join(" and ")}`,
      advice: adviceForRights(process.bounding),
    };
  if (!process.initialUserNamespace)
    return {
      whose: "rights",
      text: "the process is in a user namespace of its own, where capabilities do not count for eBPF",
      advice: "run it in the first user namespace: not in a rootless container, not under 'unshare --user'",
    };
  const paranoid = setting(facts, "kernel.perf_event_paranoid") ?? 0;
  if (
    errno === "EACCES" &&
    opensPerfEvent(reason) &&
    paranoid > MOST_PARANOID_WITH_PERFMON &&
    !process.effective.includes("CAP_SYS_ADMIN")
  )
    return {
      whose: "rights",
      text: `kernel.perf_event_paranoid is ${paranoid}, where only CAP_SYS_ADMIN opens perf events`,
      advice: `sysctl kernel.perf_event_paranoid=${MOST_PARANOID_WITH_PERFMON}, or add CAP_SYS_ADMIN`,
    };
  if (/map a perf buffer/.test(reason.message) && !process.effective.includes("CAP_IPC_LOCK"))
    return {
      whose: "rights",
      text: "the buffers are more memory than the process may lock",
      advice: "add CAP_IPC_LOCK, raise 'ulimit -l', or make them smaller with --buffer-size",
    };
  return explainLockedMemory(reason, facts) ?? explainPolicy(reason, way, facts);
}

function explainLockedMemory(reason: RefusalReason, facts: Facts): Explanation | undefined {
  const { process } = facts;
  if (isOlderThan(facts, 5, 11) !== true || process.lockedMemoryLimit === undefined) return undefined;
  if (process.effective.includes("CAP_SYS_RESOURCE")) return undefined;
  if (!/map|memlock/i.test((reason.operation ?? "") + reason.message)) return undefined;
  const text = "before Linux 5.11 eBPF maps count as locked memory, of which the process may not have enough";
  const advice = "add CAP_SYS_RESOURCE, or raise 'ulimit -l'";
  const call = callRefusedBySeccomp(reason, facts);
  return call === undefined
    ? { whose: "rights", text, advice }
    : {
        whose: "rights",
        text: `${text}; or the seccomp filter that is in force refuses ${call}`,
        advice: `${advice}; or ${ADVICE_FOR_SECCOMP}`,
      };
}

/** Whether it is perf_event_open that was refused, rather than bpf. */
function opensPerfEvent({ operation = "", message }: RefusalReason): boolean {
  return /perf (?:buffer|event)|kernel function/.test(operation) && !/map a perf buffer/.test(message);
}

/**
 * The system call that a seccomp filter may have refused. A filter sees the call and not what is loaded by it: where bpf has
 * answered what candidates.ts asks before anything else, which creates a map and loads a small program, it is not what
 * refuses the tap's own programs.
 */
function callRefusedBySeccomp(reason: RefusalReason, { process }: Facts): string | undefined {
  if (!process.seccomp) return undefined;
  if (opensPerfEvent(reason)) return "perf_event_open";
  return /^(?:create a map|load program from)/.test(reason.operation ?? "") ? "bpf" : undefined;
}

const ADVICE_FOR_SECCOMP =
  "start it with a seccomp profile that allows bpf and perf_event_open; the default ones of older container engines do " +
  "so only with CAP_SYS_ADMIN (a systemd unit: SystemCallFilter)";

function refusedBySeccomp(what: string, call: string): Explanation {
  return {
    whose: "rights",
    text: `${what}: a seccomp filter is in force, which probably refuses ${call}`,
    advice: ADVICE_FOR_SECCOMP,
  };
}

/** Some container engines' filters answer as a kernel would that does not know the call. */
function explainNotImplemented(reason: RefusalReason, facts: Facts): Explanation | undefined {
  if (reason.errno !== "ENOSYS" || facts.kernel.config["BPF_SYSCALL"] === "n") return undefined;
  const call = callRefusedBySeccomp(reason, facts);
  return call === undefined ? undefined : refusedBySeccomp("ENOSYS", call);
}

/** The process has every right, and still the answer is no. */
function explainPolicy(reason: RefusalReason, way: Way, facts: Facts): Explanation {
  const { lockdown, modules } = facts.security;
  const what = `${reason.errno ?? ""} although the process has the capabilities`;
  if (lockdown === "confidentiality")
    return {
      whose: "kernel",
      text: `${what}: kernel lockdown is at 'confidentiality', which forbids reading kernel memory`,
      advice: "boot with lockdown=integrity or without (Secure Boot may set it)",
    };
  const call = callRefusedBySeccomp(reason, facts);
  if (call !== undefined) return refusedBySeccomp(what, call);
  const suspects = [
    modules?.includes("bpf") === true ? "a BPF LSM program" : undefined,
    modules === undefined ? "a security module, e.g. a BPF LSM program" : undefined,
    lockdown === undefined ? "kernel lockdown" : undefined,
  ].filter((suspect) => suspect !== undefined);
  const from = suspects.length === 0 ? "a policy of this machine" : suspects.join(" or ");
  return {
    whose: "kernel",
    text: `${what}: the kernel refuses ${nounOf(way)}, most likely by ${from}`,
    ...(modules === undefined
      ? { advice: "to see which modules there are: mount -t securityfs none /sys/kernel/security" }
      : {}),
  };
}

function nounOf({ strategy }: Way): string {
  if (strategy === "fexit") return "programs on the return of kernel functions";
  return strategy === "kprobe" ? "kprobe programs" : "tracepoint programs";
}

function explainKernel(reason: RefusalReason, way: Way, facts: Facts): Explanation | undefined {
  const { code, errno } = reason;
  const { kernel, security, settings } = facts;
  if (way.strategy === "kprobe" && !kernel.kprobeEvents && code !== "ERR_BPF_VERIFIER")
    return {
      whose: "kernel",
      text:
        "the kernel is built without kprobes" +
        (kernel.config["KPROBES"] === "n" ? " (CONFIG_KPROBES is not set)" : ""),
      advice: "another way (--attach auto), or a kernel with CONFIG_KPROBES=y and CONFIG_BPF_EVENTS=y",
    };
  if (way.strategy === "fexit" && errno === "ENOTSUPP")
    return {
      whose: "kernel",
      text:
        settings["net.core.bpf_jit_enable"] === 0
          ? "the kernel attaches such programs only with the JIT compiler, which is off"
          : "the kernel cannot attach programs to the return of functions (seen on arm64 before Linux 6.12)",
      ...(settings["net.core.bpf_jit_enable"] === 0 ? { advice: "sysctl net.core.bpf_jit_enable=1" } : {}),
    };
  // The agent's own words are plain ones.
  if (code === "ERR_TAP_NOT_SUPPORTED")
    return { whose: "kernel", text: reason.message.replace(/^\w+: /, "") };
  if (code === "ERR_BPF_NOT_FOUND")
    return {
      whose: "kernel",
      text: `the kernel does not have a function that is needed: ${shortened(reason)}`,
    };
  if (code === "ERR_BPF_VERIFIER" && security.lockdown === "confidentiality")
    return {
      whose: "kernel",
      text: "kernel lockdown is at 'confidentiality', which forbids programs to read kernel memory",
      advice: "boot with lockdown=integrity or without (Secure Boot may set it)",
    };
  if (code === "ERR_BPF_VERIFIER")
    return {
      whose: "kernel",
      text: `the kernel's verifier does not accept the programs: ${lastLine(reason.verifier ?? reason.message)}`,
      advice: "report it, with the output of 'tcptracker doctor --json'",
    };
  return undefined;
}

/** The kernel's own words in one line, without what the caller adds. */
export function kernelWords({ errno, operation, code }: RefusalReason): string {
  if (operation === undefined) return code;
  return `${errno ?? code}: cannot ${operation.replace(/ tcptracker$/, " the programs")}`;
}

/** An error's message without its code and its hint. */
export function shortened({ message }: RefusalReason): string {
  const [line = message] = message.split("\n");
  return line.replace(/ \[ERR_[^\]]*\].*$/, "");
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.trim() ?? text;
}
