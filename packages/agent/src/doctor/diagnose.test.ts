import { BpfError } from "@tcptracker/libbpf";
import { ProbesError } from "@tcptracker/probes";
import { expect, test } from "vitest";
import {
  BPF_AND_PERFMON,
  CONTAINER,
  machineOf,
  NO_CAPABILITIES,
  ONLY_BPF,
  ONLY_SYS_ADMIN,
  serverFiles,
  status,
  type MachineFiles,
} from "../../test/doctor/machines.ts";
import {
  bpfError,
  EPERM_ASKING,
  EPERM_LOADING,
  NO_KPROBES,
  tapsWith,
  type Refused,
} from "../../test/doctor/taps.ts";
import { collectFacts } from "./collect-facts.ts";
import { diagnoseFrom, type DiagnoseOptions, type Progress } from "./diagnose.ts";
import type { Diagnosis, FindingCode } from "./diagnosis.ts";
import { EVERY_WAY } from "./try-ways.ts";

async function diagnosed(
  machine: MachineFiles,
  refused: Refused = {},
  options: DiagnoseOptions = {},
): Promise<Diagnosis & { started: string[]; stopped: number }> {
  const taps = tapsWith(refused);
  const sources = {
    facts: () => collectFacts(machineOf(machine)),
    installation: () => [],
    start: taps.start,
  };
  return { ...(await diagnoseFrom(sources, options)), started: taps.started, stopped: taps.stopped };
}

function finding(diagnosis: Diagnosis, code: FindingCode): Diagnosis["findings"][number] {
  const found = diagnosis.findings.filter((each) => each.code === code);
  expect(found, code).toHaveLength(1);
  return found[0] ?? expect.fail();
}

const ROOT: MachineFiles = { files: serverFiles() };

test("root on a kernel that has everything: every way is tried, and what is started is stopped", async () => {
  const diagnosis = await diagnosed(ROOT);
  expect(diagnosis).toMatchObject({
    format: 1,
    verdict: "works",
    exitCode: 0,
    attachedAs: "fexit (typed programs, ringbuf)",
  });
  expect(diagnosis.ways.map(({ state }) => state)).toEqual(["chosen", ...Array<string>(7).fill("usable")]);
  expect(diagnosis.started).toHaveLength(EVERY_WAY.length);
  expect(diagnosis.stopped).toBe(diagnosis.started.length);
  expect(diagnosis.findings.filter(({ state }) => state === "problem" || state === "warning")).toEqual([]);
  expect(diagnosis.hooks.map(({ call }) => call)).toContain("sendfile");
});

test("--quick starts what tap would start, and nothing else", async () => {
  const diagnosis = await diagnosed(ROOT, { fexit: EPERM_LOADING }, { quick: true });
  expect(diagnosis.started).toEqual(["auto auto auto"]);
  expect(diagnosis.ways.map(({ state }) => state)).toEqual([
    "refused",
    "chosen",
    ...Array<string>(6).fill("untried"),
  ]);
});

test("a kernel without kprobes that refuses fexit", async () => {
  const config = "CONFIG_IO_URING=y\n# CONFIG_KPROBES is not set\n";
  const files = serverFiles({
    "/proc/config.gz": undefined,
    "/boot/config-6.12.57": config,
    "/sys/bus/event_source/devices/kprobe/type": undefined,
  });
  const diagnosis = await diagnosed({ files }, { fexit: EPERM_LOADING, kprobe: NO_KPROBES });
  expect(diagnosis).toMatchObject({ exitCode: 0, attachedAs: "tracepoint (typed programs, ringbuf)" });
  expect(finding(diagnosis, "kprobe")).toMatchObject({
    state: "info",
    text: expect.stringContaining("CONFIG_KPROBES is not set") as string,
  });
  expect(finding(diagnosis, "fexit").text).toMatch(/EPERM although .* a BPF LSM program$/);
  expect(finding(diagnosis, "tracepoint").text).toMatch(/usable, and what auto chooses/);
});

test.each([
  ["no capabilities", NO_CAPABILITIES, "the process lacks CAP_BPF and CAP_PERFMON"],
  ["CAP_BPF alone", ONLY_BPF, "the process lacks CAP_PERFMON"],
])("without rights, with %s", async (_, capabilities, lacks) => {
  const files = serverFiles({ "/proc/self/status": status(capabilities, BPF_AND_PERFMON) });
  const diagnosis = await diagnosed({ uid: 65534, files }, { "*": EPERM_LOADING });
  expect(diagnosis).toMatchObject({ verdict: "not_permitted", exitCode: 3, hooks: [] });
  expect(diagnosis.summary).toContain(lacks);
  expect(diagnosis).not.toHaveProperty("attachedAs");
  expect(finding(diagnosis, "capabilities")).toMatchObject({
    state: "problem",
    advice: expect.stringContaining("setpriv") as string,
  });
  expect(finding(diagnosis, "tracepoint")).toMatchObject({
    state: "problem",
    text: `tracepoint could not be tried: ${lacks}`,
  });
});

test.each([
  [BPF_AND_PERFMON, "user id 65534, with CAP_BPF and CAP_PERFMON"],
  [ONLY_SYS_ADMIN, "user id 65534, with CAP_SYS_ADMIN, which stands for CAP_BPF and CAP_PERFMON"],
])("with just enough rights (%s)", async (capabilities, text) => {
  const files = serverFiles({ "/proc/self/status": status(capabilities) });
  const reason = "cannot map a perf buffer into memory";
  const locked = bpfError("ERR_BPF_PERMISSION", "EPERM", "read a perf buffer", { reason });
  const diagnosis = await diagnosed({ uid: 65534, files }, { perfbuf: locked });
  expect(diagnosis).toMatchObject({ exitCode: 0 });
  expect(finding(diagnosis, "capabilities")).toMatchObject({ state: "ok", text });
  expect(finding(diagnosis, "locked_memory").state).toBe("info");
  expect(finding(diagnosis, "tracefs").state).toBe(capabilities === ONLY_SYS_ADMIN ? "ok" : "info");
  expect(finding(diagnosis, "perfbuf")).toMatchObject({
    state: "info",
    text: "perfbuf is not usable: the buffers are more memory than the process may lock",
    advice: expect.stringContaining("CAP_IPC_LOCK") as string,
  });
});

test("a container with Docker's default capabilities", async () => {
  const diagnosis = await diagnosed(CONTAINER, { "*": EPERM_LOADING });
  expect(diagnosis.exitCode).toBe(3);
  expect(finding(diagnosis, "capabilities").advice).toMatch(/cap_add/);
  expect(finding(diagnosis, "seccomp").state).toBe("info");
  expect(finding(diagnosis, "container").text).toContain("/.dockerenv");
  expect(finding(diagnosis, "lockdown")).toMatchObject({
    state: "info",
    text: expect.stringContaining("not known") as string,
  });
});

test("a container that has the capabilities and a seccomp filter against them", async () => {
  const files = serverFiles({ "/proc/self/status": status(BPF_AND_PERFMON, BPF_AND_PERFMON, 2) });
  const diagnosis = await diagnosed({ files }, { "*": EPERM_ASKING });
  expect(diagnosis).toMatchObject({ verdict: "not_permitted", exitCode: 3 });
  expect(diagnosis.summary).toContain("seccomp");
  // The kernel refuses fexit on its own there.
  const allowed = await diagnosed({ files }, { fexit: EPERM_LOADING });
  expect(allowed.exitCode).toBe(0);
  expect(finding(allowed, "fexit").text).toContain("the kernel refuses programs on the return");
});

test.each([
  [NO_CAPABILITIES, "2", "kprobe and perfbuf need CAP_PERFMON"],
  [ONLY_BPF, "1", "kprobe and perfbuf need CAP_PERFMON"],
  [NO_CAPABILITIES, "-1", "kprobe needs CAP_PERFMON"],
  [NO_CAPABILITIES, "3", "kprobe and perfbuf need CAP_SYS_ADMIN"],
  [BPF_AND_PERFMON, "3", "kprobe and perfbuf need CAP_SYS_ADMIN"],
  [BPF_AND_PERFMON, "2", "with these rights it does not matter"],
  [ONLY_SYS_ADMIN, "3", "with these rights it does not matter"],
])("with %s at kernel.perf_event_paranoid %s: %s", async (capabilities, paranoid, says) => {
  const files = serverFiles({
    "/proc/self/status": status(capabilities),
    "/proc/sys/kernel/perf_event_paranoid": `${paranoid}\n`,
  });
  const text = `kernel.perf_event_paranoid is ${paranoid}: ${says}`;
  expect(finding(await diagnosed({ files }), "perf_event_paranoid").text).toBe(text);
});

test("few open files are a warning, too few a failure", async () => {
  const limits = "Max open files            64                   64                   files     \n";
  const files = serverFiles({ "/proc/self/limits": limits });
  expect(finding(await diagnosed({ files }), "open_files")).toMatchObject({
    state: "warning",
    text: expect.stringContaining("64 files") as string,
    advice: expect.stringContaining("LimitNOFILE") as string,
  });
  const failed = await diagnosed({ files }, { "*": bpfError("ERR_BPF_LOAD", "EMFILE") });
  expect(failed).toMatchObject({ verdict: "failed", exitCode: 1 });
  expect(failed.summary).toContain("64 files open");
});

test("root of a user namespace", async () => {
  const links = { "/proc/self/ns/user": "user:[4026532281]" };
  const diagnosis = await diagnosed({ ...ROOT, links }, { "*": EPERM_LOADING });
  expect(diagnosis).toMatchObject({ verdict: "not_permitted", exitCode: 3 });
  expect(diagnosis.summary).toContain("user namespace");
  expect(finding(diagnosis, "user_namespace").state).toBe("problem");
  expect(finding(diagnosis, "perf_event_paranoid").text).toContain("need CAP_SYS_ADMIN");
});

test("lockdown=confidentiality is the kernel's doing, whatever the error", async () => {
  const files = serverFiles({ "/sys/kernel/security/lockdown": "none integrity [confidentiality]\n" });
  const unknownHelper = bpfError("ERR_BPF_VERIFIER", "EINVAL", "load tcptracker", {
    verifier: { program: "sys_exit_btf", summary: "program of this type cannot use helper", log: "" },
  });
  for (const error of [EPERM_LOADING, unknownHelper]) {
    const diagnosis = await diagnosed({ files }, { "*": error });
    expect(diagnosis).toMatchObject({ verdict: "not_supported", exitCode: 4 });
    expect(diagnosis.summary).toContain("confidentiality");
    expect(finding(diagnosis, "lockdown").state).toBe("problem");
  }
});

test("no BTF", async () => {
  const files = serverFiles({ "/sys/kernel/btf/vmlinux": undefined });
  const diagnosis = await diagnosed({ files }, { "*": bpfError("ERR_BPF_LOAD", "ENOENT") });
  expect(diagnosis).toMatchObject({ verdict: "not_supported", exitCode: 4 });
  expect(finding(diagnosis, "kernel_btf")).toMatchObject({
    state: "problem",
    advice: expect.stringContaining("CONFIG_DEBUG_INFO_BTF") as string,
  });
});

test("5.10: no typed hooks, memory counts as locked", async () => {
  const files = serverFiles({
    "/proc/self/status": status("000000c000000000"),
    "/proc/sys/kernel/io_uring_disabled": undefined,
  });
  const machine = { release: "5.10.0-32-cloud-amd64", uid: 1000, files };
  const noFexit = new ProbesError("ERR_PROBES_STRATEGY", "there is no fexit object for kernels before 5.12");
  const diagnosis = await diagnosed(machine, { fexit: noFexit });
  expect(diagnosis).toMatchObject({ exitCode: 0, attachedAs: "kprobe (raw programs, ringbuf)" });
  expect(finding(diagnosis, "fexit").text).toContain("before 5.12");
  expect(finding(diagnosis, "locked_memory")).toMatchObject({
    state: "warning",
    advice: expect.stringContaining("CAP_SYS_RESOURCE") as string,
  });
  const refusedMap = bpfError("ERR_BPF_PERMISSION", "EPERM", "create a map of type ringbuf");
  const without = await diagnosed(machine, { "*": refusedMap });
  expect(without).toMatchObject({ exitCode: 3 });
  expect(without.summary).toContain("locked memory");
});

test("an installation without its addon is neither the kernel's fault nor one of rights", async () => {
  const error = bpfError("ERR_BPF_ADDON", undefined, "load the native addon");
  const diagnosis = await diagnosed(ROOT, { "*": error });
  expect(diagnosis).toMatchObject({ verdict: "failed", exitCode: 1 });
  expect(diagnosis.ways.every(({ state }) => state === "untried")).toBe(true);
  const notBuilt = await diagnosed(ROOT, { "*": new ProbesError("ERR_PROBES_NOT_BUILT", "not built") });
  expect(notBuilt).toMatchObject({ verdict: "failed", exitCode: 1 });
});

test("an architecture without programs", async () => {
  const error = new ProbesError("ERR_PROBES_ARCHITECTURE", "there are no programs for riscv64");
  const diagnosis = await diagnosed({ ...ROOT, architecture: "riscv64" }, { "*": error });
  expect(diagnosis).toMatchObject({ verdict: "not_supported", exitCode: 4 });
  expect(finding(diagnosis, "kernel").state).toBe("problem");
});

test("a refusal that nothing is known of is the kernel's", async () => {
  const diagnosis = await diagnosed(ROOT, { "*": bpfError("ERR_BPF_LOAD", "EINVAL") });
  expect(diagnosis).toMatchObject({ verdict: "not_supported", exitCode: 4 });
  expect(diagnosis.summary).toContain("because");
});

test("what the verifier said comes through", async () => {
  const verifier = { program: "sys_exit_btf", summary: "; line\nR1 invalid mem access", log: "long" };
  const error = bpfError("ERR_BPF_VERIFIER", "EACCES", "load tcptracker", { verifier });
  const diagnosis = await diagnosed(ROOT, { "tracepoint typed": error });
  const refused = diagnosis.ways.find(({ strategy, kind }) => strategy === "tracepoint" && kind === "typed");
  expect(refused?.reasons[0]).toMatchObject({ code: "ERR_BPF_VERIFIER", verifier: verifier.summary });
  expect(finding(diagnosis, "tracepoint").state).toBe("ok");
  const all = await diagnosed(ROOT, { "*": error });
  expect(all).toMatchObject({ exitCode: 4 });
  expect(all.summary).toMatch(/does not accept the programs: R1 invalid mem access$/);
});

test("progress has everything, in order, and before the end", async () => {
  const progress: Progress[] = [];
  const diagnosis = await diagnosed(ROOT, {}, { onProgress: (each) => progress.push(each) });
  expect(progress.flatMap((each) => (each.type === "finding" ? [each.finding] : []))).toEqual(
    diagnosis.findings,
  );
  expect(progress.flatMap((each) => (each.type === "way" ? [each.way] : []))).toEqual(diagnosis.ways);
  expect(progress.flatMap((each) => (each.type === "blindSpot" ? [each.blindSpot] : []))).toEqual(
    diagnosis.blindSpots,
  );
  expect(progress.findIndex(({ type }) => type === "way")).toBeLessThan(
    progress.findIndex(({ type }) => type === "blindSpot"),
  );
});

test("a diagnosis survives JSON", async () => {
  const { started, stopped, ...diagnosis } = await diagnosed(CONTAINER, { "*": EPERM_LOADING });
  expect([started.length, stopped]).toEqual([9, 0]);
  expect(JSON.parse(JSON.stringify(diagnosis))).toEqual(diagnosis);
  expect(EPERM_LOADING).toBeInstanceOf(BpfError);
});
