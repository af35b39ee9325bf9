// What each kernel should be able to do. What is not listed here should work everywhere.
import type { BpfErrorCode } from "@tcptracker/libbpf";
import type { Architecture } from "./kernels.ts";
import type { Combination, Strategy, Transport } from "./plan.ts";

/** How the kernel says no to a set of programs: what a `BpfError` has. */
export interface Refusal {
  readonly code: BpfErrorCode;
  readonly errnoName?: string;
}

/** One set of programs of an object; a tap loads the first that the kernel takes. */
export interface ObjectSet {
  readonly strategy: Exclude<Strategy, "auto">;
  readonly transport: Exclude<Transport, "auto">;
  /** Its program that sees connections change their state: that differs between any two sets of an object. */
  readonly state: string;
}

/** Something that a kernel cannot do; what is absent is any. */
export interface Unsupported extends Partial<ObjectSet> {
  readonly kernel: string;
  readonly architecture?: Architecture;
  readonly reason: string;
  /** How the kernel refuses to load the programs; absent: it is not even asked, because a tap knows it before. */
  readonly refusal?: Refusal;
}

/** Where `state` is absent, every set of the strategy, and so the strategy itself. */
export const UNSUPPORTED: readonly Unsupported[] = [
  {
    kernel: "5.10",
    strategy: "fexit",
    reason:
      "the programs need atomic instructions (5.12) and the type of the saved registers, which 5.10's BTF only declares",
  },
  {
    kernel: "5.10",
    strategy: "tracepoint",
    state: "state_btf",
    reason:
      "the typed hooks need bpf_get_current_task_btf (5.11); the object without atomics has none of them",
  },
  {
    kernel: "5.10-noringbuf",
    strategy: "fexit",
    reason: "as 5.10",
  },
  {
    kernel: "5.10-noringbuf",
    strategy: "tracepoint",
    state: "state_btf",
    reason: "as 5.10",
  },
  {
    kernel: "5.10-noringbuf",
    transport: "ringbuf",
    reason: "it was built without BPF ring buffers, as kernels before 5.8 are",
  },
  {
    kernel: "6.1",
    architecture: "arm64",
    strategy: "fexit",
    reason: "fentry and fexit need direct calls of ftrace, which arm64 has from 6.4 on",
    refusal: { code: "ERR_BPF_NOT_SUPPORTED", errnoName: "ENOTSUPP" },
  },
];

function find(
  kernel: string,
  architecture: Architecture,
  { strategy, transport }: Combination,
  state: string | undefined,
): Unsupported | undefined {
  return UNSUPPORTED.find(
    (one) =>
      one.kernel === kernel &&
      (one.architecture ?? architecture) === architecture &&
      (one.strategy ?? strategy) === strategy &&
      (one.transport ?? transport) === transport &&
      (one.state ?? state) === state,
  );
}

/** Why the kernel cannot do it, or undefined where it should. */
export function whyUnsupported(
  kernel: string,
  architecture: Architecture,
  combination: Combination,
): string | undefined {
  return find(kernel, architecture, combination, undefined)?.reason;
}

/** Why and how the kernel refuses a set of programs, or undefined where it should load. */
export function findExclusion(
  kernel: string,
  architecture: Architecture,
  set: ObjectSet,
): Pick<Unsupported, "reason" | "refusal"> | undefined {
  return find(kernel, architecture, set, set.state);
}

/** The transport that a tap should take on this kernel when it is asked for this one. */
export function transportOn(
  kernel: string,
  architecture: Architecture,
  asked: Transport,
): ObjectSet["transport"] {
  if (asked !== "auto") return asked;
  const ringbuf = { strategy: "auto", transport: "ringbuf" } as const;
  return whyUnsupported(kernel, architecture, ringbuf) === undefined ? "ringbuf" : "perfbuf";
}
