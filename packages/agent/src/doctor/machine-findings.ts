import { adviceForRights, missingRights, type Capability } from "./capabilities.ts";
import type { Finding } from "./diagnosis.ts";
import {
  ADVICE_FOR_OPEN_FILES,
  ENOUGH_OPEN_FILES,
  isOlderThan,
  MOST_PARANOID_WITH_PERFMON,
  setting,
  type Facts,
} from "./facts.ts";

/** What the facts say of the machine and of the rights of this process; nothing in here has been tried. */
export function machineFindings(facts: Facts): Finding[] {
  return [
    kernel(facts),
    kernelBtf(facts),
    jit(facts),
    ...tracefs(facts),
    capabilities(facts),
    ...userNamespace(facts),
    ...seccomp(facts),
    ...noNewPrivileges(facts),
    lockedMemory(facts),
    ...openFiles(facts),
    capabilitiesNotNeeded(facts),
    ...container(facts),
    lockdown(facts),
    securityModules(facts),
    ...unprivilegedBpf(facts),
    ...perfEventParanoid(facts),
    ...kptrRestrict(facts),
  ].filter((finding) => finding !== undefined);
}

const MOUNT_SECURITYFS = "mount -t securityfs none /sys/kernel/security";
const NAMES: Readonly<Record<string, string>> = { x64: "x86-64", arm64: "arm64" };
const MEBIBYTE = 1024 * 1024;

function kernel({ kernel: { release, architecture } }: Facts): Finding {
  const known = NAMES[architecture];
  const text = `Linux ${release} on ${known ?? architecture}`;
  if (known !== undefined) return { code: "kernel", area: "kernel", state: "ok", text };
  return {
    code: "kernel",
    area: "kernel",
    state: "problem",
    text: `${text}: there are no eBPF programs for this architecture`,
    advice: "use x86-64 or arm64",
  };
}

function kernelBtf({ kernel: { btf } }: Facts): Finding {
  const base = { code: "kernel_btf", area: "kernel" } as const;
  if (!btf.present)
    return {
      ...base,
      state: "problem",
      text: "no kernel BTF: /sys/kernel/btf/vmlinux is not there, so the programs cannot be fitted to this kernel",
      advice: "use a kernel built with CONFIG_DEBUG_INFO_BTF=y; in a container, see that /sys is mounted",
    };
  if (!btf.readable)
    return {
      ...base,
      state: "problem",
      text: "kernel BTF is there, but this process may not read /sys/kernel/btf/vmlinux",
      advice:
        "it is readable for everybody by default: look for a container or security profile that hides it",
    };
  return { ...base, state: "ok", text: `kernel BTF, ${((btf.bytes ?? 0) / MEBIBYTE).toFixed(1)} MiB` };
}

function jit(facts: Facts): Finding {
  const enabled = setting(facts, "net.core.bpf_jit_enable");
  const base = { code: "jit", area: "kernel" } as const;
  if (enabled === undefined)
    // The file is root's alone; kernels that always compile say so in their configuration.
    return { ...base, state: "info", text: "whether eBPF programs are compiled (JIT) cannot be read" };
  if (enabled === 0)
    return {
      ...base,
      state: "warning",
      text: "eBPF programs are interpreted (net.core.bpf_jit_enable is 0): slow, and fexit does not work",
      advice: "sysctl net.core.bpf_jit_enable=1",
    };
  if (setting(facts, "net.core.bpf_jit_harden") === 2)
    return {
      ...base,
      state: "info",
      text: "eBPF programs are compiled (JIT) and hardened for everybody (bpf_jit_harden is 2): a little slower",
    };
  return { ...base, state: "ok", text: "eBPF programs are compiled (JIT)" };
}

/** Matters to the kprobe strategy only, which gets room for many waiting calls in this way alone. */
function tracefs({ kernel: { kprobeEvents }, process, probeList }: Facts): Finding[] {
  if (!kprobeEvents) return [];
  // With this capability, a tap mounts one of its own where there is none.
  const state = probeList || process.effective.includes("CAP_SYS_ADMIN") ? "ok" : "info";
  const text =
    state === "ok"
      ? "tracefs can be had: with kprobe, many calls may wait at the same time"
      : "tracefs cannot be had: with kprobe, calls are missed, and counted, when many wait at the same time; " +
        "fexit and tracepoint do without it";
  return [{ code: "tracefs", area: "kernel", state, text }];
}

function capabilities({ process: { effective, bounding, uid } }: Facts): Finding {
  const base = { code: "capabilities", area: "rights" } as const;
  const missing = missingRights(effective);
  const who = uid === 0 ? "root" : `user id ${uid}`;
  if (missing.length === 0) {
    const used = effective.includes("CAP_SYS_ADMIN") && !effective.includes("CAP_BPF");
    const has = used ? "CAP_SYS_ADMIN, which stands for CAP_BPF and CAP_PERFMON" : "CAP_BPF and CAP_PERFMON";
    return { ...base, state: "ok", text: `${who}, with ${has}` };
  }
  return {
    ...base,
    state: "problem",
    text: `${who}, without ${missing.join(" and ")}`,
    advice: adviceForRights(bounding),
  };
}

/** Others are asked for by tools of the kind; this one has been run without. */
function capabilitiesNotNeeded({ process: { effective } }: Facts): Finding | undefined {
  const needless: readonly Capability[] = ["CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYSLOG"];
  const had = needless.filter((name) => effective.includes(name));
  const text = had.length === 0 ? needless : had;
  return {
    code: "capabilities_not_needed",
    area: "rights",
    state: "info",
    text: `not needed${had.length === 0 ? "" : ", although it has them"}: ${text.join(", ")}`,
  };
}

function userNamespace({ process }: Facts): Finding[] {
  if (process.initialUserNamespace) return [];
  return [
    {
      code: "user_namespace",
      area: "rights",
      state: "problem",
      text: "the process is in a user namespace of its own: its capabilities do not count for eBPF",
      advice: "run it in the first user namespace: not in a rootless container, not under 'unshare --user'",
    },
  ];
}

function seccomp({ process }: Facts): Finding[] {
  if (!process.seccomp) return [];
  return [
    {
      code: "seccomp",
      area: "rights",
      state: "info",
      text: "a seccomp filter is in force; if it forbids bpf or perf_event_open, what is tried below fails with EPERM or ENOSYS",
    },
  ];
}

function noNewPrivileges({ process }: Facts): Finding[] {
  if (!process.noNewPrivileges || missingRights(process.effective).length === 0) return [];
  return [
    {
      code: "no_new_privileges",
      area: "rights",
      state: "warning",
      text: "no_new_privs is set: sudo, and capabilities of a file, have no effect here",
      advice:
        "start it from elsewhere (a container: allowPrivilegeEscalation, --security-opt no-new-privileges)",
    },
  ];
}

function lockedMemory(facts: Facts): Finding {
  const { process } = facts;
  const base = { code: "locked_memory", area: "rights" } as const;
  const limit = process.lockedMemoryLimit;
  const limited = limit !== undefined && !process.effective.includes("CAP_IPC_LOCK");
  const size = limit === undefined ? "" : `${(limit / MEBIBYTE).toFixed(1)} MiB`;
  if (
    isOlderThan(facts, 5, 11) === true &&
    limit !== undefined &&
    !process.effective.includes("CAP_SYS_RESOURCE")
  )
    return {
      ...base,
      state: "warning",
      text: `before Linux 5.11 eBPF maps count as locked memory, of which the process may have ${size}`,
      advice: "add CAP_SYS_RESOURCE, or raise 'ulimit -l'",
    };
  if (limited && (setting(facts, "kernel.perf_event_paranoid") ?? 2) > -1)
    return {
      ...base,
      state: "info",
      text: `may lock ${size} of memory: this bounds the buffers of --transport perfbuf, and nothing else`,
      advice: "for a larger one: add CAP_IPC_LOCK, or raise 'ulimit -l'",
    };
  return { ...base, state: "ok", text: "locked memory is no limit" };
}

function openFiles({ process: { openFilesLimit } }: Facts): Finding[] {
  if (openFilesLimit === undefined || openFilesLimit >= ENOUGH_OPEN_FILES) return [];
  return [
    {
      code: "open_files",
      area: "rights",
      state: "warning",
      text: `may have ${openFilesLimit} files open at a time, which may be too few: programs, maps and hooks are files`,
      advice: ADVICE_FOR_OPEN_FILES,
    },
  ];
}

function container({ process }: Facts): Finding[] {
  if (process.container === undefined) return [];
  return [
    {
      code: "container",
      area: "rights",
      state: "info",
      text: `looks like a container (${process.container}); a tap sees all processes of the host all the same`,
    },
  ];
}

function lockdown({ security }: Facts): Finding {
  const base = { code: "lockdown", area: "security" } as const;
  switch (security.lockdown) {
    case undefined:
      return {
        ...base,
        state: "info",
        text: "kernel lockdown: not known, because securityfs cannot be read",
        advice: MOUNT_SECURITYFS,
      };
    case "confidentiality":
      return {
        ...base,
        state: "problem",
        text: "kernel lockdown is at 'confidentiality': no program may read kernel memory, which a tap has to",
        advice: "boot with lockdown=integrity or without (Secure Boot may set it)",
      };
    case "none":
      return { ...base, state: "ok", text: "no kernel lockdown" };
    default:
      return {
        ...base,
        state: "ok",
        text: `kernel lockdown is at '${security.lockdown}', which allows a tap`,
      };
  }
}

function securityModules({ security: { modules } }: Facts): Finding {
  const base = { code: "security_modules", area: "security", state: "info" } as const;
  if (modules === undefined)
    return {
      ...base,
      text: "security modules: not known, because securityfs cannot be read",
      advice: MOUNT_SECURITYFS,
    };
  const strict = modules.filter((name) => ["bpf", "selinux", "apparmor", "smack"].includes(name));
  const may = strict.length === 0 ? "" : `; ${strict.join(", ")} may refuse eBPF by a policy`;
  return { ...base, text: `security modules: ${modules.join(", ")}${may}` };
}

function unprivilegedBpf(facts: Facts): Finding[] {
  const value = setting(facts, "kernel.unprivileged_bpf_disabled");
  if (value === undefined) return [];
  const who =
    value === 0 ? "some programs load without rights, not those of a tap" : "without rights nothing loads";
  return [
    {
      code: "unprivileged_bpf",
      area: "security",
      state: "info",
      text: `kernel.unprivileged_bpf_disabled is ${value}: ${who}`,
    },
  ];
}

function perfEventParanoid(facts: Facts): Finding[] {
  const value = setting(facts, "kernel.perf_event_paranoid");
  if (value === undefined) return [];
  const base = { code: "perf_event_paranoid", area: "security", state: "info" } as const;
  const { effective, initialUserNamespace } = facts.process;
  const has = (name: Capability): boolean => initialUserNamespace && effective.includes(name);
  const is = `kernel.perf_event_paranoid is ${value}`;
  const strict = value > MOST_PARANOID_WITH_PERFMON;
  if (has("CAP_SYS_ADMIN") || (!strict && has("CAP_PERFMON")))
    return [{ ...base, text: `${is}: with these rights it does not matter` }];
  // At 0 and below perf events of a CPU are open to everybody, those of kprobes are not.
  if (!strict)
    return [
      { ...base, text: `${is}: ${value > 0 ? "kprobe and perfbuf need" : "kprobe needs"} CAP_PERFMON` },
    ];
  return [
    {
      ...base,
      text: `${is}: kprobe and perfbuf need CAP_SYS_ADMIN`,
      advice: `sysctl kernel.perf_event_paranoid=${MOST_PARANOID_WITH_PERFMON}, if they are wanted`,
    },
  ];
}

function kptrRestrict(facts: Facts): Finding[] {
  const value = setting(facts, "kernel.kptr_restrict");
  if (value === undefined) return [];
  const base = { code: "kptr_restrict", area: "security", state: "info" } as const;
  return [
    { ...base, text: `kernel.kptr_restrict is ${value}: does not matter, no kernel address is looked up` },
  ];
}
