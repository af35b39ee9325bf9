import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import {
  BpfError,
  BpfObject,
  features,
  findKernelBtfId,
  findKernelFunctions,
  loadProgram,
  type BpfLink,
} from "../../src/index.ts";
import { object } from "../compile.ts";
import { describeAsRoot, openDescriptors, rawArguments, readU64 } from "./support.ts";

const slots = ["tracepoint", "raw", "btf", "uprobe", "uretprobe", "kprobe", "ksyscall", "fentry"] as const;

function open(extra: string[] = []): BpfObject {
  const { dev, ino } = statSync("/proc/self/ns/pid");
  const opened = BpfObject.open(object("attach"), {
    rodata: { only_tgid: process.pid, namespace_dev: dev, namespace_ino: ino },
    programs: Object.fromEntries(extra.map((name) => [name, { autoload: true }])),
  });
  opened.load();
  return opened;
}

function hits(opened: BpfObject, slot: (typeof slots)[number]): bigint {
  return readU64(opened.readVariable("hits"), slots.indexOf(slot) * 8);
}

/** Reading process.ppid is a getppid call. */
function getppid(times: number): void {
  for (let i = 0; i < times; i++) if (process.ppid < 0) throw new Error("no parent");
}

function expectHits(opened: BpfObject, slot: (typeof slots)[number], link: BpfLink): void {
  const before = hits(opened, slot);
  getppid(10);
  expect(hits(opened, slot)).toBeGreaterThanOrEqual(before + 10n);
  link.close();
  link.close();
  expect(link.closed).toBe(true);
  expect(link.fd).toBe(-1);
  const after = hits(opened, slot);
  getppid(10);
  expect(hits(opened, slot)).toBe(after);
}

function caught(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

const kprobes = existsSync("/sys/bus/event_source/devices/kprobe");

describeAsRoot("attaching", () => {
  test("raw tracepoint: by section and by name", () => {
    using opened = open();
    expectHits(opened, "raw", opened.program("on_raw").attach());
    expectHits(opened, "raw", opened.program("on_raw").attachRawTracepoint("sys_enter"));
    expect(caught(() => opened.program("on_raw").attachRawTracepoint("no_such")).code).toBe("ERR_BPF_ATTACH");
  });

  test("tp_btf", () => {
    using opened = open();
    expectHits(opened, "btf", opened.program("on_btf").attach());
    expectHits(opened, "btf", opened.program("on_btf").attachTrace());
  });

  test("uprobe: by symbol, by offset, for one process, on return", () => {
    using opened = open();
    const path = "libc.so.6";
    const entry = opened.program("on_uprobe");
    expectHits(opened, "uprobe", entry.attachUprobe({ path, symbol: "getppid" }));
    expectHits(opened, "uprobe", entry.attachUprobe({ path, symbol: "getppid", pid: 0 }));
    expectHits(
      opened,
      "uretprobe",
      opened.program("on_uretprobe").attachUprobe({ path, symbol: "getppid", retprobe: true }),
    );
    const library = /\S+libc\.so\.6$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[0] ?? "";
    const line = execFileSync("readelf", ["-W", "--dyn-syms", library], { encoding: "utf8" })
      .split("\n")
      .find((text) => /\sgetppid@/.test(text));
    const address = Number.parseInt(line?.trim().split(/\s+/)[1] ?? "", 16);
    expectHits(opened, "uprobe", entry.attachUprobe({ path: library, offset: address }));
    expect(caught(() => entry.attachUprobe({ path, symbol: "no_such_symbol" }))).toMatchObject({
      code: "ERR_BPF_ATTACH",
      errnoName: "ENOENT",
    });
    expect(caught(() => entry.attachUprobe({ path: "/no/such/file", offset: 1 })).code).toBe(
      "ERR_BPF_ATTACH",
    );
    expect(caught(() => entry.attachUprobe({ path })).code).toBe("ERR_BPF_INVALID_ARGUMENT");
  });

  test("tracepoint (in a mount namespace of its own where tracefs is not mounted)", () => {
    const script = join(import.meta.dirname, "../children/tracepoint.ts");
    const command = `mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing; exec "$0" "$@"`;
    const output = execFileSync(
      "unshare",
      ["-m", "sh", "-c", command, process.execPath, script, object("attach")],
      {
        encoding: "utf8",
      },
    );
    expect(JSON.parse(output)).toEqual({ bySection: 10, byName: 10, detached: 0, missing: "ERR_BPF_ATTACH" });
  });

  test("kprobe and ksyscall: work where the kernel has them, a typed error elsewhere", () => {
    using opened = open(["on_kprobe", "on_ksyscall"]);
    const attempts = {
      kprobe: [
        () => opened.program("on_kprobe").attachKprobe({ function: "__x64_sys_getppid" }),
        () => opened.program("on_kprobe").attach(),
      ],
      ksyscall: [
        () => opened.program("on_ksyscall").attachKsyscall({ syscall: "getppid" }),
        () => opened.program("on_ksyscall").attach(),
      ],
    };
    for (const slot of ["kprobe", "ksyscall"] as const) {
      for (const attempt of attempts[slot]) {
        if (kprobes) {
          expectHits(opened, slot, attempt());
        } else {
          const error = caught(attempt);
          expect(error).toMatchObject({ code: "ERR_BPF_ATTACH", errnoName: "ENOENT" });
          expect(error.message).toContain("CONFIG_KPROBES");
        }
      }
    }
  });

  test("fentry: works where the kernel has trampolines, a typed error elsewhere", () => {
    if (features.probeTrampoline()) {
      using opened = open(["on_fentry"]);
      opened.program("on_fentry").attach();
    } else {
      const error = caught(() => open(["on_fentry"]).program("on_fentry").attach());
      expect(["ERR_BPF_PERMISSION", "ERR_BPF_NOT_SUPPORTED"]).toContain(error.code);
      expect(error.message).toMatch(/something else refuses|not supported/);
    }
  });

  test("fexit.id: the function is the one that was set", () => {
    const using = (id: number | undefined): void => {
      using opened = BpfObject.open(object("attach"), { programs: { on_id: { autoload: true } } });
      if (id !== undefined) opened.program("on_id").setAttachId(id);
      expect(opened.program("on_id").attachId).toBe(id);
      opened.load();
      opened.program("on_id").attach();
    };
    const id = findKernelFunctions(["bpf_fentry_test1"]).get("bpf_fentry_test1")?.[0]?.id;
    expect(id).toBe(findKernelBtfId("bpf_fentry_test1", "func"));
    expect(caught(() => using(undefined))).toMatchObject({ errnoName: "ESRCH" });
    if (features.probeTrampoline()) using(id);
    else expect(caught(() => using(id)).code).toMatch(/^ERR_BPF_(PERMISSION|NOT_SUPPORTED)$/);
  });

  test("all functions of a name, with their types", () => {
    const names = ["tcp_sendmsg", "tcp_recvmsg", "tcp_sendmsg_locked", "no_such_function"];
    const found = findKernelFunctions(names);
    expect([...found.keys()]).toEqual(names);
    expect(found.get("no_such_function")).toEqual([]);
    const [send, , locked] = names.map((name) => found.get(name)?.[0]);
    expect(send?.prototype).toBeGreaterThan(0);
    expect(send?.id).not.toBe(locked?.id);
    expect(send?.prototype).toBe(locked?.prototype);
  });

  test("only a program that asks for an id takes one", () => {
    using opened = open();
    expect(caught(() => opened.program("on_raw").setAttachId(1)).code).toBe("ERR_BPF_INVALID_STATE");
    using unloaded = BpfObject.open(object("attach"));
    expect(caught(() => unloaded.program("on_raw").setAttachId(1)).code).toBe("ERR_BPF_INVALID_ARGUMENT");
  });

  test("a section that says nothing, and the wrong kind for a program", () => {
    using opened = open();
    expect(
      caught(() => opened.program("on_raw").attachTracepoint("syscalls", "sys_enter_getppid")).code,
    ).toMatch(/^ERR_BPF_/);
    using maps = BpfObject.open(object("maps"));
    maps.load();
    expect(caught(() => maps.program("target").attach()).code).toMatch(/^ERR_BPF_(ATTACH|NOT_SUPPORTED)$/);
  });

  test("closing the object detaches, and many links leave nothing behind", () => {
    const before = openDescriptors();
    const opened = open();
    const links = Array.from({ length: 100 }, () => opened.program("on_raw").attach());
    expect(openDescriptors()).toBeGreaterThanOrEqual(before + 100);
    opened.close();
    expect(links.every((link) => link.closed)).toBe(true);
    expect(openDescriptors()).toBe(before);
  });

  test("CO-RE: a field of a kernel structure", () => {
    using opened = open();
    opened.program("read_name").testRun({ context: rawArguments() });
    const name = new TextDecoder().decode(opened.readVariable("name")).replace(/\0.*/s, "");
    expect(name).toBe(readFileSync("/proc/thread-self/comm", "utf8").trim());
  });
});

describeAsRoot("raw instructions", () => {
  const instructions = (...list: number[][]): Uint8Array => Uint8Array.from(list.flat());
  const exit = [0x95, 0, 0, 0, 0, 0, 0, 0];
  const returns = (value: number): number[] => [0xb7, 0, 0, 0, value, 0, 0, 0];

  test("load and run", () => {
    using program = loadProgram({
      type: "socket_filter",
      instructions: instructions(returns(77), exit),
      license: "GPL",
      name: "returns_77",
    });
    const run = program.testRun({ data: new Uint8Array(64).fill(3), repeat: 100 });
    expect(run.returnValue).toBe(77);
    // The kernel takes the link layer's 14 bytes off before a socket filter sees the packet.
    expect(run.data?.subarray(14)).toEqual(new Uint8Array(50).fill(3));
    expect(program.instructionCount).toBe(2);
    program.close();
    program.close();
    expect(caught(() => program.testRun()).code).toBe("ERR_BPF_CLOSED");
  });

  test("tp_btf by the kernel's BTF, and attach", () => {
    using program = loadProgram({
      type: "tracing",
      instructions: instructions(returns(0), exit),
      license: "GPL",
      expectedAttachType: "trace_raw_tp",
      attachBtfId: findKernelBtfId("btf_trace_sys_exit", "typedef"),
    });
    const link = program.attachTrace();
    expect(link.fd).toBeGreaterThan(2);
    program.close();
    expect(link.closed).toBe(true);
    expect(caught(() => findKernelBtfId("no_such_function", "func")).code).toBe("ERR_BPF_NOT_FOUND");
  });

  test("a refused program carries the verifier's words", () => {
    // r0 is never set
    const error = caught(() =>
      loadProgram({ type: "socket_filter", instructions: instructions(exit), license: "GPL" }),
    );
    expect(error).toMatchObject({ code: "ERR_BPF_VERIFIER", errnoName: "EACCES" });
    expect(error.verifier?.summary).toContain("R0 !read_ok");
    expect(error.verifier?.log).toContain("processed");
  });

  test("the log of an accepted program, when asked for", () => {
    let log = "";
    const code = instructions(returns(1), exit);
    loadProgram({
      type: "socket_filter",
      instructions: code,
      license: "GPL",
      logLevel: 2,
      onLog: (text) => (log = text),
    }).close();
    expect(log).toContain("(b7) r0 = 1");
  });
});
