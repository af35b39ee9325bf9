import { existsSync } from "node:fs";

import { checkUint } from "./arguments.ts";
import { EPERM } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { kprobesAvailable, tracefsAvailable, uprobesAvailable } from "./facilities.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import { mapTypeNumber, programTypeNumber, type MapType, type ProgramType } from "./names.ts";
import { FEATURE_NAMES, probe, type FeatureName, type FeatureResult } from "./probe.ts";
import { findKernelBtfId, loadProgram } from "./raw-program.ts";

/** What this kernel has. The probes try the thing itself, so they need the permission to do it. */
export interface Features {
  /** Whether programs of this type load. */
  probeProgramType(type: ProgramType): boolean;
  /** Whether maps of this type can be created. */
  probeMapType(type: MapType): boolean;
  /** Whether programs of this type may call the helper (`enum bpf_func_id`, e.g. 131 for bpf_ringbuf_reserve). */
  probeHelper(type: ProgramType, helper: number): boolean;
  /**
   * Tries a feature, and says why it does not work where it does not: for people to read. Whatever is attached for it is
   * detached at once. Throws only for a wrong argument, or when there is no addon.
   *
   * @param target - what to try it on, instead of something harmless that every kernel should have: the kernel function of
   *   fentry, fexit, kprobe, kretprobe and kretprobeMaxActive, the name of rawTracepoint and btfTracepoint,
   *   "category/name" of tracepoint
   */
  probe(feature: FeatureName, target?: string): FeatureResult;
  /** Tries all features, in the order of {@link FEATURE_NAMES}. */
  probeAll(): Record<FeatureName, FeatureResult>;
  /** Whether fentry and fexit programs can be attached, tried on a kernel function made for tests. */
  probeTrampoline(): boolean;
  /** Whether the kernel carries its BTF, which CO-RE, tp_btf, fentry and fexit need. */
  kernelBtfAvailable(): boolean;
  kprobesAvailable(): boolean;
  uprobesAvailable(): boolean;
  /** Whether tracefs is mounted; `probe("tracefs")` tells whether it can be had. */
  tracefsAvailable(): boolean;
  /** CPUs that per-CPU maps have values for. */
  possibleCpus(): number;
  /** Version of the libbpf inside, e.g. "v1.1". */
  libbpfVersion(): string;
}

/** `return 0` */
const returnZero: Uint8Array = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

function probeTrampoline(): boolean {
  try {
    const attachBtfId = findKernelBtfId("bpf_fentry_test1", "func");
    const type = { type: "tracing", expectedAttachType: "trace_fexit" } as const;
    using program = loadProgram({ ...type, instructions: returnZero, license: "GPL", attachBtfId });
    program.attachTrace().close();
    return true;
  } catch (error) {
    if (error instanceof BpfError && (error.errno !== EPERM || process.geteuid?.() === 0)) return false;
    throw error;
  }
}

export const features: Features = {
  probeProgramType(type) {
    const operation = `probe program type ${type}`;
    const number = programTypeNumber(operation, type);
    return invoke(operation, "ERR_BPF_PROBE", (native) => native.probeProgramType(number));
  },
  probeMapType(type) {
    const operation = `probe map type ${type}`;
    const number = mapTypeNumber(operation, type);
    return invoke(operation, "ERR_BPF_PROBE", (native) => native.probeMapType(number));
  },
  probeHelper(type, helper) {
    const operation = `probe helper ${helper} of program type ${type}`;
    const number = programTypeNumber(operation, type);
    checkUint(operation, "the helper", helper);
    return invoke(operation, "ERR_BPF_PROBE", (native) => native.probeHelper(number, helper));
  },
  probe,
  probeAll: () =>
    Object.fromEntries(FEATURE_NAMES.map((name) => [name, probe(name)])) as Record<
      FeatureName,
      FeatureResult
    >,
  probeTrampoline,
  kernelBtfAvailable: () => existsSync("/sys/kernel/btf/vmlinux"),
  kprobesAvailable,
  uprobesAvailable,
  tracefsAvailable,
  possibleCpus: () => invokeQuiet("count the CPUs", "ERR_BPF_PROBE", (native) => native.possibleCpus()),
  libbpfVersion: () =>
    invokeQuiet("read libbpf's version", "ERR_BPF_PROBE", (native) => native.libbpfVersion()),
};
