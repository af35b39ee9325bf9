import { readdirSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import {
  BpfError,
  BpfObject,
  FEATURE_NAMES,
  features,
  loadProgram,
  type FeatureName,
} from "../../src/index.ts";
import { openTracefs } from "../../src/tracefs.ts";
import { object } from "../compile.ts";
import { describeAsRoot, openDescriptors } from "./support.ts";

const returnZero = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

function caught(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describeAsRoot("probing features", () => {
  test("what every kernel has that these tests run on", () => {
    const basic: FeatureName[] = [
      "kernelBtf",
      "tracefs",
      "ringBuffer",
      "perfBuffer",
      "rawTracepoint",
      "btfTracepoint",
      "tracepoint",
    ];
    for (const name of basic) expect({ name, ...features.probe(name) }).toEqual({ name, supported: true });
  });

  test("all at once; what is not supported says why; nothing is left behind", () => {
    const before = openDescriptors();
    const all = features.probeAll();
    expect(Object.keys(all)).toEqual([...FEATURE_NAMES]);
    for (const [name, { supported, reason = "" }] of Object.entries(all)) {
      expect({ name, explained: supported || reason.length > 20 }).toEqual({ name, explained: true });
    }
    expect(all.kprobe.supported).toBe(features.kprobesAvailable());
    expect(all.kretprobeMaxActive.supported).toBe(features.kprobesAvailable());
    expect(all.fexit.supported).toBe(features.probeTrampoline());
    expect(openDescriptors()).toBe(before);
    if (readdirSync(openTracefs()).includes("kprobe_events")) {
      expect(readFileSync(`${openTracefs()}/kprobe_events`, "utf8")).not.toContain("libbpf_kretprobes");
    }
  });

  test("on something that is not there", () => {
    for (const [name, target] of [
      ["fexit", "no_such_function"],
      ["kprobe", "no_such_function"],
      ["kretprobeMaxActive", "no_such_function"],
      ["tracepoint", "syscalls/no_such"],
      ["rawTracepoint", "no_such"],
      ["btfTracepoint", "no_such"],
    ] as const) {
      const { supported, reason, errno } = features.probe(name, target);
      expect({ name, supported, errno, named: reason?.includes("no_such") ?? false }).toEqual({
        name,
        supported: false,
        errno: 2,
        named: true,
      });
    }
  });

  test("without the rights: no exception but a reason", () => {
    process.seteuid?.(65_534);
    try {
      for (const name of ["ringBuffer", "perfBuffer", "rawTracepoint", "btfTracepoint"] as const) {
        const { supported, reason, errno } = features.probe(name);
        expect({ name, supported, errno }).toEqual({ name, supported: false, errno: 1 });
        expect(reason).toContain("Run as root");
      }
    } finally {
      process.seteuid?.(0);
    }
    expect(features.probe("ringBuffer").supported).toBe(true);
  });

  test("arguments", () => {
    expect(caught(() => features.probe("fexits" as "fexit")).message).toContain("Did you mean fexit");
    expect(caught(() => features.probe("ringBuffer", "x")).code).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(caught(() => features.probe("fexit", "")).code).toBe("ERR_BPF_INVALID_ARGUMENT");
  });
});

describeAsRoot("what an object's programs are for", () => {
  test("the targets, and whether the kernel has them", () => {
    using opened = BpfObject.open(object("attach"));
    const targets = new Map(opened.targets().map((target) => [target.program, target]));
    expect(targets.get("on_btf")).toEqual({
      program: "on_btf",
      section: "tp_btf/sys_enter",
      kind: "raw_tracepoint",
      name: "sys_enter",
      exists: true,
    });
    expect(targets.get("on_raw")).toMatchObject({ kind: "raw_tracepoint", name: "sys_enter", exists: true });
    expect(targets.get("read_name")).toMatchObject({ name: "test", exists: false });
    expect(targets.get("on_tracepoint")).toMatchObject({ kind: "tracepoint", exists: true });
    expect(targets.get("on_ksyscall")).toMatchObject({ kind: "syscall", name: "getppid", exists: true });
    expect(targets.get("on_fentry")).toMatchObject({ kind: "function", exists: true });
    expect(targets.get("on_uprobe")).toMatchObject({ kind: undefined, name: undefined, exists: undefined });
    expect(opened.program("on_uprobe").target).toBeUndefined();
  });

  test("another target, before the load", () => {
    using opened = BpfObject.open(object("attach"), {
      programs: { on_fentry: { autoload: false, attachTarget: "bpf_fentry_test2" } },
    });
    const program = opened.program("on_fentry");
    expect(program.target).toBe("bpf_fentry_test2");
    expect(opened.targets().find((target) => target.program === "on_fentry")).toMatchObject({
      section: "fentry/bpf_fentry_test1",
      name: "bpf_fentry_test2",
      exists: true,
    });
    expect(caught(() => program.setAttachTarget("no_such_function")).code).toBe("ERR_BPF_NOT_FOUND");
    expect(program.target).toBe("bpf_fentry_test2");
    if (features.probeTrampoline()) {
      program.autoload = true;
      opened.load();
      program.attach().close();
    } else {
      opened.load();
      expect(caught(() => program.attach()).code).toBe("ERR_BPF_NOT_LOADED");
    }
    expect(caught(() => program.setAttachTarget("bpf_fentry_test1")).code).toBe("ERR_BPF_INVALID_STATE");
  });

  test("tracepoints by name where tracefs may not be mounted", () => {
    using opened = BpfObject.open(object("attach"));
    opened.load();
    const program = opened.program("on_tracepoint");
    program.attach().close();
    program.attachTracepoint("syscalls", "sys_enter_getppid").close();
    const error = caught(() => program.attachTracepoint("syscalls", "no_such"));
    expect(error).toMatchObject({ code: "ERR_BPF_ATTACH", errnoName: "ENOENT" });
    using raw = loadProgram({ type: "tracepoint", instructions: returnZero, license: "GPL" });
    const link = raw.attachTracepoint("syscalls", "sys_enter_getppid");
    expect(link.fd).toBeGreaterThan(2);
    expect(caught(() => raw.attachTracepoint("syscalls", "sys_enter_getppid", { cookie: 1n })).code).toBe(
      "ERR_BPF_NOT_SUPPORTED",
    );
    expect(caught(() => raw.attachUprobe({ path: "libc.so.6", symbol: "getppid" })).code).toBe(
      "ERR_BPF_NOT_SUPPORTED",
    );
  });
});
