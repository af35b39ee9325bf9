import { expect, test } from "vitest";
import { bpfError, EPERM_LOADING, NO_KPROBES, tapsWith } from "../../test/doctor/taps.ts";
import type { Hook } from "../kernel/attachment.ts";
import { TapError } from "../errors.ts";
import { callHooks, EVERY_WAY, reasonsOf, SYSTEM_CALLS, tryAuto, tryWay, seesCompat } from "./try-ways.ts";

test("every way is there once, the best first", () => {
  const names = EVERY_WAY.map(({ strategy, kind, transport }) => `${strategy} ${kind} ${transport}`);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(8);
  expect([names[0], names.at(-1)]).toEqual(["fexit typed ringbuf", "tracepoint raw perfbuf"]);
});

test("two sets of the same kind are one way with two reasons", async () => {
  const taps = tapsWith({});
  const refusal = { strategy: "kprobe", kind: "raw", transport: "ringbuf", atomics: true } as const;
  const { ways } = await tryAuto((options) => ({
    ...taps.start(options),
    way: { strategy: "tracepoint", kind: "typed", transport: "ringbuf", atomics: true },
    refusals: [
      { ...refusal, error: EPERM_LOADING },
      { ...refusal, error: NO_KPROBES },
    ],
  }));
  expect(ways.map(({ state, reasons }) => [state, reasons.map(({ errno }) => errno)])).toEqual([
    ["refused", ["EPERM", "ENOENT"]],
    ["chosen", []],
  ]);
});

test("a way that works with its second set is not refused", async () => {
  const taps = tapsWith({});
  const way = { strategy: "kprobe", kind: "raw", transport: "ringbuf", atomics: true } as const;
  const { ways } = await tryAuto((options) => ({
    ...taps.start(options),
    way,
    refusals: [{ ...way, error: EPERM_LOADING }],
  }));
  expect(ways.map(({ strategy, state }) => [strategy, state])).toEqual([["kprobe", "chosen"]]);
});

test("a way is asked for by name, timed, and stopped", async () => {
  const taps = tapsWith({ kprobe: NO_KPROBES });
  const open = await tryWay({ strategy: "tracepoint", kind: "raw", transport: "perfbuf" }, taps.start);
  expect(open).toMatchObject({ state: "usable", reasons: [] });
  expect(open.milliseconds).toBeGreaterThanOrEqual(0);
  const refused = await tryWay({ strategy: "kprobe", kind: "raw", transport: "ringbuf" }, taps.start);
  expect(refused).toMatchObject({ state: "refused", hooks: [], reasons: [{ errno: "ENOENT" }] });
  expect(taps.started).toEqual(["tracepoint raw perfbuf", "kprobe raw ringbuf"]);
  expect(taps.stopped).toBe(1);
});

test("one hook for all calls stands for each of them", () => {
  const hooks = callHooks([{ program: "sys_exit_btf", target: "sys_exit" }]);
  expect(hooks.map(({ call }) => call)).toEqual(SYSTEM_CALLS);
  expect(new Set(hooks.map(({ target }) => target))).toEqual(new Set(["sys_exit"]));
});

test("hooks have the names that records have", () => {
  expect(
    callHooks([
      { program: "fexit_sendfile64", target: "__x64_sys_sendfile64" },
      { program: "kprobe_accept4", target: "__x64_sys_accept4", reason: "not there" },
      { program: "kprobe_read", target: "__x64_sys_read", limitation: "no tracefs" },
    ]),
  ).toEqual([
    { call: "sendfile", target: "__x64_sys_sendfile64" },
    { call: "accept4", target: "__x64_sys_accept4", reason: "not there" },
    { call: "read", target: "__x64_sys_read", limitation: "no tracefs" },
  ]);
});

test("functions for 32-bit programs are told of when the kernel has them and refuses", () => {
  const recvmsg = "__ia32_compat_sys_recvmsg";
  const hook: Hook = { program: "kprobe32_ia32_compat_sys_recvmsg", target: recvmsg, compat: true };
  const native: Hook = { program: "kprobe_recvmsg", target: "__x64_sys_recvmsg" };
  const unknown: Hook = { ...hook, reason: "no such function", unknown: true };
  const refused: Hook = { ...hook, reason: "not permitted" };
  expect(callHooks([hook])).toEqual([]);
  expect(callHooks([unknown])).toEqual([]);
  expect(callHooks([refused])).toEqual([{ call: recvmsg, target: recvmsg, reason: "not permitted" }]);
  expect(seesCompat([native, hook])).toBe(true);
  expect(seesCompat([native, unknown])).toBe(false);
  expect(seesCompat([{ program: "sys_exit_raw", target: "sys_exit" }])).toBe(true);
});

test("reasons are those of the kernel where there are any", () => {
  const errors = [EPERM_LOADING, NO_KPROBES];
  const wrapped = new TapError("ERR_TAP_KERNEL", "why", { cause: new AggregateError(errors) });
  expect(reasonsOf(wrapped).map(({ code }) => code)).toEqual(["ERR_BPF_PERMISSION", "ERR_BPF_ATTACH"]);
  expect(reasonsOf(new TapError("ERR_TAP_LAYOUT", "why"))).toEqual([
    { code: "ERR_TAP_LAYOUT", message: "ERR_TAP_LAYOUT: why" },
  ]);
  expect(reasonsOf(bpfError("ERR_BPF_ADDON", undefined))[0]).not.toHaveProperty("errno");
  expect(reasonsOf(new Error("strange"))).toEqual([{ code: "ERR_UNKNOWN", message: "strange" }]);
});
