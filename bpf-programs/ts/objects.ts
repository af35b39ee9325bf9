import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ProbesError } from "./errors.ts";

/** How the programs are hooked to the system calls. */
export type AttachStrategy = "tracepoint" | "kprobe" | "fexit";

/** `typed`: the verifier knows the kernel's types (tp_btf). `raw`: helpers read them (raw_tp), slower, on any kernel. */
export type ProgramKind = "typed" | "raw";

/** The names of one complete set of programs inside an object; exactly one set of an object is loaded. */
export interface ProgramSet {
  readonly kind: ProgramKind;
  /** Hooks the exit of the system calls; fills the call and hands it to stage {@link MAPS.stages}[0]. */
  readonly hook: string;
  /** The last stage; never attached, put into the stages array. */
  readonly emit: string;
  /** Helps the last stage; never attached either. */
  readonly gather: string;
  /** On `sock:inet_sock_set_state`. */
  readonly state: string;
  /** On `tcp:tcp_destroy_sock`. */
  readonly destroy: string;
}

/** Where a compiled object is and what is in it. */
export interface ProbeObject {
  /** Absolute path of the ELF file. */
  readonly path: string;
  /** In the order in which to try them. */
  readonly programSets: readonly ProgramSet[];
  /** Run once with BPF_PROG_TEST_RUN by the tap itself; returns, and remembers, the process to ignore. */
  readonly identify: string;
}

/** The maps of every object. */
export const MAPS = {
  /** Ring buffer of records (event.h). */
  ring: "ring",
  /** Hash: sock pointer -> connection. */
  connections: "connections",
  /** Hash: connection id -> connection that ended while the ring was full (struct tt_connection). */
  unsent: "unsent",
  /** Per-CPU array: `enum tt_counter` -> u64. */
  counters: "counters",
  /** Program array, by `enum tt_stage`: the filter (or emit), emit, gather. */
  stages: "stages",
} as const;

function programSet(kind: ProgramKind, suffix: string): ProgramSet {
  return {
    kind,
    hook: `sys_exit_${suffix}`,
    emit: `emit_${suffix}`,
    gather: `gather_${suffix}`,
    state: `state_${suffix}`,
    destroy: `destroy_${suffix}`,
  };
}

/** The sets of the `tracepoint` object: typed programs first, raw ones for kernels that refuse those. */
export const TRACEPOINT_PROGRAMS: readonly ProgramSet[] = [
  programSet("typed", "btf"),
  programSet("raw", "raw"),
];

/** This module is <package>/ts/objects.ts or <package>/dist/objects.js. */
let objectDirectory = fileURLToPath(new URL("../dist", import.meta.url));

/** Says where `<architecture>/<strategy>.bpf.o` are, for programs that are bundled or laid out in another way. */
export function setObjectDirectory(path: string): void {
  objectDirectory = resolve(path);
}

/**
 * The compiled object of an attach strategy.
 *
 * @param architecture - as `process.arch` names it; default: this machine's
 * @throws {@link ProbesError} for a strategy or an architecture that has no object, or before the build
 */
export function probeObject(strategy: AttachStrategy, architecture: string = process.arch): ProbeObject {
  if (strategy !== "tracepoint")
    throw new ProbesError(
      "ERR_PROBES_STRATEGY",
      `there is no object for the attach strategy '${strategy}' yet; use 'tracepoint'`,
    );
  if (architecture !== "x64" && architecture !== "arm64")
    throw new ProbesError(
      "ERR_PROBES_ARCHITECTURE",
      `there are no programs for ${architecture}; supported are x64 and arm64`,
    );
  const path = join(objectDirectory, architecture, `${strategy}.bpf.o`);
  if (!existsSync(path))
    throw new ProbesError("ERR_PROBES_NOT_BUILT", `${path} does not exist; run 'npm run build' first`);
  return { path, programSets: TRACEPOINT_PROGRAMS, identify: "identify" };
}
