import { describe, expect, test } from "vitest";
import { BPF_AND_PERFMON, machineOf, serverFiles, status } from "../../test/doctor/machines.ts";
import { collectFacts } from "./collect-facts.ts";
import type { RefusalReason } from "./diagnosis.ts";
import { explainRefusal, kernelWords, type Explanation } from "./explain-refusal.ts";

function explained(
  reason: Partial<RefusalReason>,
  way: Partial<Parameters<typeof explainRefusal>[1]> = {},
  changes: Record<string, string | undefined> = {},
): Explanation {
  const facts = collectFacts(machineOf({ files: serverFiles(changes) }));
  return explainRefusal(
    { code: "ERR_BPF_LOAD", operation: "load tcptracker", message: "why", ...reason },
    { strategy: "tracepoint", transport: "ringbuf", ...way },
    facts,
  );
}

test("trampolines: not there, or only with the JIT", () => {
  const reason = { code: "ERR_BPF_NOT_SUPPORTED", errno: "ENOTSUPP" };
  expect(explained(reason, { strategy: "fexit" }).text).toContain("cannot attach programs to the return");
  const interpreted = { "/proc/sys/net/core/bpf_jit_enable": "0\n" };
  expect(explained(reason, { strategy: "fexit" }, interpreted)).toMatchObject({
    whose: "kernel",
    advice: "sysctl net.core.bpf_jit_enable=1",
  });
});

test("no ring buffer, no memory, a function that is not there", () => {
  const noRing = "ERR_TAP_NOT_SUPPORTED: this kernel has no BPF ring buffer";
  expect(explained({ code: "ERR_TAP_NOT_SUPPORTED", message: noRing }).text).toBe(
    "this kernel has no BPF ring buffer",
  );
  expect(explained({ errno: "ENOMEM" }).advice).toContain("--buffer-size");
  expect(
    explained({ code: "ERR_BPF_NOT_FOUND", message: "no __x64_sys_read [ERR_BPF_NOT_FOUND]. Hint" }).text,
  ).toBe("the kernel does not have a function that is needed: no __x64_sys_read");
});

test("kprobes that are there and fail are not taken for absent", () => {
  const reason = { code: "ERR_BPF_ATTACH", errno: "ENOENT", message: "cannot attach" };
  expect(explained(reason, { strategy: "kprobe" }).text).toBe("the kernel refuses it: cannot attach");
  const without = { "/sys/bus/event_source/devices/kprobe/type": undefined };
  expect(explained(reason, { strategy: "kprobe" }, without).text).toContain("built without kprobes");
});

test("EACCES of the verifier has nothing to do with rights", () => {
  const changes = { "/proc/self/status": status("0", BPF_AND_PERFMON) };
  const reason = { errno: "EACCES", verifier: "R1 invalid mem access" };
  expect(explained({ ...reason, code: "ERR_BPF_VERIFIER" }, {}, changes).whose).toBe("kernel");
  expect(explained({ ...reason, code: "ERR_BPF_ATTACH" }, {}, changes).whose).toBe("rights");
});

test("perf events at a distribution's highest level of paranoia", () => {
  const changes = {
    "/proc/self/status": status(BPF_AND_PERFMON),
    "/proc/sys/kernel/perf_event_paranoid": "3\n",
  };
  const reason = { code: "ERR_BPF_ATTACH", errno: "EACCES", operation: "attach to kernel function x" };
  expect(explained(reason, { strategy: "kprobe" }, changes)).toMatchObject({
    whose: "rights",
    text: expect.stringContaining("only CAP_SYS_ADMIN opens perf events") as string,
  });
  const buffer = { code: "ERR_BPF_READER", errno: "EACCES", operation: "read a perf buffer" };
  expect(explained(buffer, {}, changes).text).toContain("perf_event_paranoid is 3");
  const message = "cannot read a perf buffer: cannot map a perf buffer into memory";
  expect(explained({ ...buffer, errno: "EPERM", message }, {}, changes).text).toContain("lock");
});

describe("a seccomp filter", () => {
  const changes = { "/proc/self/status": status(BPF_AND_PERFMON, BPF_AND_PERFMON, 2) };
  const asking = { code: "ERR_BPF_PERMISSION", errno: "EPERM", operation: "create a map of type ringbuf" };
  const loading = { ...asking, operation: "load tcptracker" };
  const opening = {
    ...asking,
    operation: "read a perf buffer",
    message: "cannot read a perf buffer: cannot open a perf event",
  };
  const probing = { ...asking, operation: "attach to kernel function x: program kprobe_read" };

  test.each([
    [asking, "bpf"],
    [{ ...asking, operation: "load program from instructions" }, "bpf"],
    [opening, "perf_event_open"],
    [probing, "perf_event_open"],
  ])("%j: %s", (reason, call) => {
    for (const errno of ["EPERM", "ENOSYS"]) {
      const { whose, text, advice } = explained({ ...reason, errno }, {}, changes);
      expect([errno, whose, text]).toEqual([
        errno,
        "rights",
        expect.stringMatching(`^${errno}.*: a seccomp filter is in force, which probably refuses ${call}$`),
      ]);
      expect(advice).toContain("a seccomp profile that allows bpf and perf_event_open");
      expect(explained({ ...reason, errno }).text).not.toContain("seccomp");
    }
  });

  test("what bpf refuses after it has loaded another program is not the filter's doing", () => {
    for (const strategy of ["fexit", "kprobe", "tracepoint"] as const) {
      const { whose, text, advice } = explained(loading, { strategy }, changes);
      expect([whose, text]).toEqual(["kernel", expect.stringContaining("the kernel refuses")]);
      expect(`${text} ${advice ?? ""}`).not.toContain("seccomp");
    }
  });

  test("a kernel that is built without bpf says so itself", () => {
    const reason = { ...asking, code: "ERR_BPF_NOT_SUPPORTED", errno: "ENOSYS" };
    const config = "# CONFIG_BPF_SYSCALL is not set\n";
    const without = { ...changes, "/proc/config.gz": undefined, "/boot/config-6.12.57": config };
    expect(explained(reason, {}, without)).toMatchObject({ whose: "kernel" });
  });
});

test("too few open files are neither the kernel's fault nor one of rights", () => {
  const reason = { code: "ERR_BPF_READER", errno: "EMFILE", operation: "read a ring buffer" };
  const { whose, text, advice } = explained(reason);
  expect([whose, text]).toEqual(["resources", expect.stringContaining("1024 files open")]);
  expect(advice).toContain("ulimit -n");
  expect(explained(reason, {}, { "/proc/self/limits": undefined }).text).toContain("as many files open");
});

test("without anything to blame, the policy is called a policy", () => {
  const known = { "/sys/kernel/security/lsm": "lockdown,capability" };
  const reason = { code: "ERR_BPF_PERMISSION", errno: "EPERM" };
  const { whose, text } = explained(reason, {}, known);
  expect([whose, text]).toEqual([
    "kernel",
    "EPERM although the process has the capabilities: the kernel refuses tracepoint programs, " +
      "most likely by a policy of this machine",
  ]);
  const unknown = { "/sys/kernel/security/lsm": undefined, "/sys/kernel/security/lockdown": undefined };
  expect(explained(reason, {}, unknown).advice).toContain("securityfs");
});

test("the kernel's words in one line", () => {
  expect(kernelWords({ code: "C", errno: "EPERM", operation: "load tcptracker", message: "m" })).toBe(
    "EPERM: cannot load the programs",
  );
  expect(kernelWords({ code: "ERR_TAP_LAYOUT", message: "m" })).toBe("ERR_TAP_LAYOUT");
});
