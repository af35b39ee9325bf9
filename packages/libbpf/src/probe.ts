import { existsSync } from "node:fs";

import { checkString } from "./arguments.ts";
import { uprobesAvailable } from "./facilities.ts";
import { BpfError, invalidArgument } from "./errors.ts";
import { invoke } from "./invoke.ts";
import { BpfMap } from "./map.ts";
import { programTypeNumber, type AttachType } from "./names.ts";
import { PerfBufferReader } from "./perf-buffer-reader.ts";
import type { BpfProgram } from "./program.ts";
import { findKernelBtfId, loadProgram, type LoadProgramOptions } from "./raw-program.ts";
import { suggest } from "./suggest.ts";
import { openTracefs } from "./tracefs.ts";

/** Whether something works here. */
export interface FeatureResult {
  supported: boolean;
  /** What went wrong, in words, and what to do about it. Absent when it is supported. */
  reason?: string;
  /** The positive errno, where the kernel gave one. */
  errno?: number;
}

/** `return 0` */
const returnZero: Uint8Array = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/** A kernel function made for tests, which nobody calls. */
const TEST_FUNCTION = "bpf_fentry_test1";
const RAW_TRACEPOINT = "sys_exit";
const TRACEPOINT = "syscalls/sys_enter_getppid";

/** `enum bpf_func_id` */
const HELPERS = {
  bpf_get_current_task_btf: 158,
  bpf_get_attach_cookie: 174,
  bpf_task_pt_regs: 175,
  bpf_loop: 181,
} as const;

/** What {@link Features.probe} can try; the more basic ones first. */
export const FEATURE_NAMES = [
  "kernelBtf",
  "tracefs",
  "ringBuffer",
  "perfBuffer",
  "rawTracepoint",
  "btfTracepoint",
  "tracepoint",
  "fentry",
  "fexit",
  "kprobe",
  "kretprobe",
  "kretprobeMaxActive",
  "uprobe",
  "loopHelper",
  "attachCookieHelper",
  "taskPtRegsHelper",
  "currentTaskBtfHelper",
] as const;

/** Something that {@link Features.probe} can try. */
export type FeatureName = (typeof FEATURE_NAMES)[number];

function attachOnce(
  load: Pick<LoadProgramOptions, "type" | "expectedAttachType" | "attachBtfId">,
  attach: (program: BpfProgram) => { close(): void },
): void {
  using program = loadProgram({ ...load, instructions: returnZero, license: "GPL", name: "probe" });
  attach(program).close();
}

function attachTrace(expectedAttachType: AttachType, attachBtfId: number): void {
  attachOnce({ type: "tracing", expectedAttachType, attachBtfId }, (program) => program.attachTrace());
}

function refuse(operation: string, reason: string, hint?: string): never {
  throw new BpfError("ERR_BPF_NOT_SUPPORTED", { operation, reason, hint });
}

function tryKprobe(fn: string, retprobe: boolean): void {
  attachOnce({ type: "kprobe" }, (program) => program.attachKprobe({ function: fn, retprobe }));
}

function tryMaxActive(fn: string): void {
  attachOnce({ type: "kprobe" }, (program) => {
    const link = program.attachKprobe({ function: fn, retprobe: true, maxActive: 2 });
    if (link.fallbackReason === undefined) return link;
    link.close();
    return refuse("make a return probe by tracefs", link.fallbackReason);
  });
}

function tryTracepoint(target: string): void {
  const [category = "", name = ""] = target.split(/[/:]/);
  attachOnce({ type: "tracepoint" }, (program) => program.attachTracepoint(category, name));
}

function tryRingBuffer(): void {
  BpfMap.create({ type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 1 << 16 }).close();
}

function tryHelper(name: keyof typeof HELPERS): void {
  const operation = `probe helper ${name}`;
  const type = programTypeNumber(operation, "kprobe");
  if (invoke(operation, "ERR_BPF_PROBE", (native) => native.probeHelper(type, HELPERS[name]))) return;
  refuse(`call ${name}`, "this kernel does not have it, or does not permit it");
}

function tryPerfBuffer(): void {
  using map = BpfMap.create({ type: "perf_event_array", keySize: 4, valueSize: 4, maxEntries: 8192 });
  new PerfBufferReader(map, { onBatch: () => undefined, bytesPerCpu: 1 << 16 }).close();
}

const KERNEL_BTF = "/sys/kernel/btf/vmlinux";

function tryKernelBtf(): void {
  if (existsSync(KERNEL_BTF)) return;
  refuse("read the kernel's BTF", `there is no ${KERNEL_BTF}`, "The kernel needs CONFIG_DEBUG_INFO_BTF");
}

function tryUprobe(): void {
  if (!uprobesAvailable()) refuse("attach uprobes", "this kernel has none", "It needs CONFIG_UPROBE_EVENTS");
}

interface Attempt {
  /** With what to try it where nothing is given; absent: there is nothing to choose. */
  target?: string;
  attempt: (target: string) => void;
}

const attempts: Record<FeatureName, Attempt> = {
  kernelBtf: { attempt: tryKernelBtf },
  tracefs: { attempt: () => void openTracefs() },
  ringBuffer: { attempt: tryRingBuffer },
  perfBuffer: { attempt: tryPerfBuffer },
  rawTracepoint: {
    target: RAW_TRACEPOINT,
    attempt: (name) => attachOnce({ type: "raw_tracepoint" }, (program) => program.attachRawTracepoint(name)),
  },
  btfTracepoint: {
    target: RAW_TRACEPOINT,
    attempt: (name) => attachTrace("trace_raw_tp", findKernelBtfId(`btf_trace_${name}`, "typedef")),
  },
  tracepoint: { target: TRACEPOINT, attempt: tryTracepoint },
  fentry: {
    target: TEST_FUNCTION,
    attempt: (fn) => attachTrace("trace_fentry", findKernelBtfId(fn, "func")),
  },
  fexit: {
    target: TEST_FUNCTION,
    attempt: (fn) => attachTrace("trace_fexit", findKernelBtfId(fn, "func")),
  },
  kprobe: { target: TEST_FUNCTION, attempt: (fn) => tryKprobe(fn, false) },
  kretprobe: { target: TEST_FUNCTION, attempt: (fn) => tryKprobe(fn, true) },
  kretprobeMaxActive: { target: TEST_FUNCTION, attempt: tryMaxActive },
  uprobe: { attempt: tryUprobe },
  loopHelper: { attempt: () => tryHelper("bpf_loop") },
  attachCookieHelper: { attempt: () => tryHelper("bpf_get_attach_cookie") },
  taskPtRegsHelper: { attempt: () => tryHelper("bpf_task_pt_regs") },
  currentTaskBtfHelper: { attempt: () => tryHelper("bpf_get_current_task_btf") },
};

/** @internal See {@link Features.probe}. */
export function probe(feature: FeatureName, target?: string): FeatureResult {
  const operation = `probe ${feature}`;
  if (!Object.hasOwn(attempts, feature)) {
    throw invalidArgument(operation, `there is no such feature`, suggest(feature, FEATURE_NAMES));
  }
  const chosen = attempts[feature];
  if (target !== undefined) {
    checkString(operation, "the target", target);
    if (chosen.target === undefined) throw invalidArgument(operation, "it takes no target");
  }
  try {
    chosen.attempt(target ?? chosen.target ?? "");
    return { supported: true };
  } catch (error) {
    if (!(error instanceof BpfError) || error.code === "ERR_BPF_ADDON") throw error;
    const { message: reason, errno } = error;
    return errno === undefined ? { supported: false, reason } : { supported: false, reason, errno };
  }
}
