import { BpfError, BpfMap, loadProgram } from "@tcptracker/libbpf";
import {
  probeObject,
  type AttachStrategy,
  type ProbeObject,
  type ProgramKind,
  type ProgramSet,
  type Transport,
} from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import type { ResolvedTapOptions } from "../options.ts";
import { preemption } from "./preemption.ts";

/** One way to tap: what would be loaded, and how its records would come out. */
export interface Way {
  readonly strategy: AttachStrategy;
  readonly transport: Transport;
  /** `typed` programs read kernel memory by plain loads, `raw` ones by helpers. */
  readonly kind: ProgramKind;
  /** Whether the programs use atomic instructions of Linux 5.12, or do without. */
  readonly atomics: boolean;
}

/** A way, with the programs for it. */
export interface Candidate extends Way {
  readonly object: ProbeObject;
  readonly set: ProgramSet;
  /** Attach a second copy of each hook, of io_uring's, of the life-cycle programs: this kernel may preempt the first one. */
  readonly doubledHooks: boolean;
  readonly doubledIoUring: boolean;
  readonly doubledLifeCycle: boolean;
}

/** In the order of `auto`: what costs the rest of the machine least comes first. */
export const STRATEGIES: readonly AttachStrategy[] = ["fexit", "kprobe", "tracepoint"];

/** Bytes; a power of two that is whole pages whatever the size of a page. */
const SMALLEST_RING = 65536;

/**
 * `*(u64 *)(fp - 8) = 0; r1 = 1; r1 = atomic_fetch_add((u64 *)(fp - 8), r1); return 0`
 */
const FETCH_ADD: Uint8Array = Uint8Array.from([
  ...[0x7a, 0x0a, 0xf8, 0xff, 0, 0, 0, 0],
  ...[0xb7, 0x01, 0, 0, 1, 0, 0, 0],
  ...[0xdb, 0x1a, 0xf8, 0xff, 1, 0, 0, 0],
  ...[0xb7, 0, 0, 0, 0, 0, 0, 0],
  ...[0x95, 0, 0, 0, 0, 0, 0, 0],
]);

/** Whether this kernel accepts the atomic instructions that came with 5.12: tried, not judged by its version. */
export function hasAtomics(): boolean {
  try {
    loadProgram({ type: "socket_filter", instructions: FETCH_ADD, license: "GPL" }).close();
    return true;
  } catch (error) {
    if (!(error instanceof BpfError) || error.code === "ERR_BPF_PERMISSION") throw error;
    // A kernel without bpf, or a filter that says so, has answered another question.
    if (error.errnoName === "ENOSYS") throw error;
    return false;
  }
}

/** Whether this kernel has ring buffers: tried, so that a refusal for lack of rights is not taken for their absence. */
export function hasRingBuffers(): boolean {
  try {
    BpfMap.create({ type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: SMALLEST_RING }).close();
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.errnoName === "EINVAL") return false;
    throw error;
  }
}

/**
 * The transport that the options ask for and this kernel has.
 *
 * @throws {@link TapError} ERR_TAP_NOT_SUPPORTED when ring buffers are asked for and there are none; {@link BpfError}
 * when the kernel does not say
 */
export function chooseTransport(options: Pick<ResolvedTapOptions, "transport">): Transport {
  if (options.transport === "perfbuf") return "perfbuf";
  if (hasRingBuffers()) return "ringbuf";
  if (options.transport === "auto") return "perfbuf";
  throw new TapError(
    "ERR_TAP_NOT_SUPPORTED",
    "this kernel has no BPF ring buffer (Linux 5.8); use --transport perfbuf or auto",
  );
}

function doubling(
  strategy: AttachStrategy,
  { secondCopies }: ResolvedTapOptions,
): Pick<Candidate, "doubledHooks" | "doubledIoUring" | "doubledLifeCycle"> {
  if (secondCopies !== "auto") {
    const always = secondCopies === "always" && strategy !== "kprobe";
    return { doubledHooks: always, doubledIoUring: always, doubledLifeCycle: always };
  }
  const { trampolines, tracepoints } = preemption();
  const doubledHooks = (strategy === "fexit" && trampolines) || (strategy === "tracepoint" && tracepoints);
  return { doubledHooks, doubledIoUring: doubledHooks || tracepoints, doubledLifeCycle: tracepoints };
}

/**
 * What to try, in order, for these options.
 *
 * @throws {@link TapError} or {@link BpfError} when not even the questions can be asked
 */
export function candidatesFor(options: ResolvedTapOptions): Candidate[] {
  const transport = chooseTransport(options);
  const atomics = hasAtomics();
  if (options.attach === "fexit" && !atomics)
    throw new TapError(
      "ERR_TAP_NOT_SUPPORTED",
      "the fexit programs need the atomic instructions of Linux 5.12; use --attach kprobe, tracepoint or auto",
    );
  return STRATEGIES.filter((strategy) => options.attach === "auto" || options.attach === strategy)
    .filter((strategy) => atomics || strategy !== "fexit")
    .flatMap((strategy) => {
      const object = probeObject({ strategy, transport, atomics });
      return object.programSets.map((set) => ({
        strategy,
        transport,
        atomics,
        kind: set.kind,
        object,
        set,
        ...doubling(strategy, options),
      }));
    })
    .filter(({ kind }) => options.programs === "auto" || options.programs === kind);
}
