import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { ProbesError } from "./errors.ts";

/** How the programs are hooked to the system calls. */
export type AttachStrategy = "fexit" | "kprobe" | "tracepoint";

/** How records leave the kernel. */
export type Transport = "ringbuf" | "perfbuf";

/** `typed`: the verifier knows the kernel's types (tp_btf, fexit). `raw`: helpers read them (raw_tp, kprobe), slower, on any kernel. */
export type ProgramKind = "typed" | "raw";

/** Which object to take. */
export interface ObjectChoice {
  readonly strategy: AttachStrategy;
  readonly transport: Transport;
  /** Whether the kernel has atomic instructions that return the value before (5.12). */
  readonly atomics: boolean;
  /** As `process.arch` names it; default: this machine's. */
  readonly architecture?: string;
}

/** Names of programs by stage (`enum tt_stage`). */
export interface StagePrograms {
  readonly emit: string;
  readonly gather: string;
  readonly prefix: string;
  readonly reject: string;
  readonly messages?: string;
  readonly compat?: string;
}

/** The stages that programs may be named for. */
export const STAGE_NAMES: readonly (keyof StagePrograms)[] = [
  "emit",
  "gather",
  "prefix",
  "reject",
  "messages",
  "compat",
];

/** The programs of a set that are stages. */
export function stageProgramsOf({ stages, fileStages }: ProgramSet): string[] {
  return [stages, fileStages].flatMap((programs) =>
    STAGE_NAMES.map((stage) => programs?.[stage]).filter((name) => name !== undefined),
  );
}

/** Whether a hooked function is one of a call on files: those have {@link ProgramSet.fileStages} where there are any. */
export function isFileHook(kernelFunction: string): boolean {
  return /_(read|write|readv|writev|preadv\w*|pwritev\w*|sendfile\w*|splice)$/.test(kernelFunction);
}

/** The names of one complete set of programs inside an object; exactly one set of an object is loaded. */
export interface ProgramSet {
  /** Of the hooks. */
  readonly kind: ProgramKind;
  /**
   * How the names of the programs begin that hook the exit of system calls, fill the call and hand it to stage
   * {@link MAPS.stages}[0]. Where there is one for each call, the kernel's name of the call follows.
   */
  readonly hooks: string;
  /**
   * How the names of the programs begin that hook the kernel's functions for 32-bit programs; the function's name follows.
   * Absent where the hooks see all calls. Which of the functions a kernel has depends on its version and configuration.
   */
  readonly compatHooks?: string;
  /** Never attached, put into {@link MAPS.stages}. */
  readonly stages: StagePrograms;
  /** The same for {@link MAPS.fileStages}, where the hooks of calls on files need an array of their own. */
  readonly fileStages?: StagePrograms;
  /** The stage that reads what sendfile has sent; with the calls on files, where they have stages of their own. */
  readonly sendFile: string;
  /** On `sock:inet_sock_set_state`. */
  readonly state: string;
  /** On `tcp:tcp_destroy_sock`. */
  readonly destroy: string;
}

/** The programs that see what io_uring does without system calls; the same in every object that has them. */
export interface IoUringPrograms {
  /** On `io_uring:io_uring_complete`, where its arguments are the values of the completion. */
  readonly completeValues: string;
  /** The same where one of its arguments points to them (from 6.14 or so on). */
  readonly completeCqe: string;
  /** On `io_uring:io_uring_submit_req`, which was `io_uring_submit_sqe` once. */
  readonly submit: string;
  /** On `io_uring:io_uring_task_add`. */
  readonly wake: string;
  /** By stage: put into {@link MAPS.ioUringStages}. */
  readonly stages: Required<Pick<StagePrograms, "emit" | "gather" | "prefix" | "reject">> & {
    readonly record: string;
  };
}

/** Where a compiled object is and what is in it. */
export interface ProbeObject {
  /** Absolute path of the ELF file. */
  readonly path: string;
  /** In the order in which to try them. */
  readonly programSets: readonly ProgramSet[];
  /** Run once with BPF_PROG_TEST_RUN by the tap itself; returns, and remembers, the process to ignore. */
  readonly identify: string;
  /** Run with BPF_PROG_TEST_RUN, as page_cache.bpf.h says; what {@link ProgramSet.sendFile} needs. */
  readonly locatePages: string;
  /** Absent from the objects for kernels that do not tell which request has completed. */
  readonly ioUring?: IoUringPrograms;
}

/** The maps of every object. */
export const MAPS = {
  /** Records (event.h): a ring buffer or, by transport, an array of perf events. */
  ring: "ring",
  /** Hash: sock pointer -> connection. */
  connections: "connections",
  /** Hash: connection id -> connection that ended while the ring was full (struct tt_connection). */
  unsent: "unsent",
  /** Per-CPU array: what the stages know of a call; begins with struct tt_filter_input. */
  calls: "calls",
  /** Per-CPU array: `enum tt_counter` -> u64. */
  counters: "counters",
  /** Program array, by `enum tt_stage`: the filter (or emit), and what follows. */
  stages: "stages",
  /** The same for the programs of io_uring; only where there are any. */
  ioUringStages: "io_uring_stages",
  /** The same for the calls on files of the fexit strategy; only there. */
  fileStages: "file_stages",
} as const;

const IO_URING: IoUringPrograms = {
  completeValues: "io_uring_complete_values",
  completeCqe: "io_uring_complete_cqe",
  submit: "io_uring_submit",
  wake: "io_uring_wake",
  stages: {
    record: "record_io_uring",
    emit: "emit_io_uring",
    gather: "gather_io_uring",
    prefix: "prefix_io_uring",
    reject: "reject_io_uring",
  },
};

const TYPED_LIFE_CYCLE = { state: "state_btf", destroy: "destroy_btf" } as const;
const RAW_LIFE_CYCLE = { state: "state_raw", destroy: "destroy_raw" } as const;
const KPROBE = {
  kind: "raw",
  hooks: "kprobe_",
  compatHooks: "kprobe32_",
  stages: {
    emit: "emit_kprobe",
    gather: "gather_kprobe",
    prefix: "prefix_kprobe",
    reject: "reject_kprobe",
    messages: "messages_kprobe",
    compat: "compat_kprobe",
  },
  sendFile: "send_file_kprobe",
} as const;

/** The sets of each strategy's object, in the order in which to try them. */
const PROGRAM_SETS: Readonly<Record<AttachStrategy, readonly ProgramSet[]>> = {
  fexit: [
    {
      kind: "typed",
      hooks: "fexit_",
      compatHooks: "fexit32_",
      stages: {
        emit: "emit_fexit",
        gather: "gather_fexit",
        prefix: "prefix_fexit",
        reject: "reject_fexit",
        messages: "messages_fexit",
        compat: "compat_fexit",
      },
      fileStages: {
        emit: "emit_fexit_file",
        gather: "gather_fexit_file",
        prefix: "prefix_fexit_file",
        reject: "reject_fexit_file",
        compat: "compat_fexit_file",
      },
      sendFile: "send_file_fexit_file",
      ...TYPED_LIFE_CYCLE,
    },
  ],
  kprobe: [
    { ...KPROBE, ...TYPED_LIFE_CYCLE },
    { ...KPROBE, ...RAW_LIFE_CYCLE },
  ],
  tracepoint: [
    {
      kind: "typed",
      hooks: "sys_exit_btf",
      stages: {
        emit: "emit_btf",
        gather: "gather_btf",
        prefix: "prefix_btf",
        reject: "reject_btf",
        messages: "messages_btf",
      },
      sendFile: "send_file_btf",
      ...TYPED_LIFE_CYCLE,
    },
    {
      kind: "raw",
      hooks: "sys_exit_raw",
      stages: {
        emit: "emit_raw",
        gather: "gather_raw",
        prefix: "prefix_raw",
        reject: "reject_raw",
        messages: "messages_raw",
      },
      sendFile: "send_file_raw",
      ...RAW_LIFE_CYCLE,
    },
  ],
};

/** This module is <package>/ts/objects.ts or <package>/dist/objects.js. */
let objectDirectory = fileURLToPath(new URL("../dist", import.meta.url));

/** Says where `<architecture>/*.bpf.o` are, for programs that are bundled or laid out in another way. */
export function setObjectDirectory(path: string): void {
  objectDirectory = resolve(path);
}

/**
 * The compiled object of an attach strategy and a transport.
 *
 * @throws {@link ProbesError} for a combination or an architecture that has no object, or before the build
 */
export function probeObject({
  strategy,
  transport,
  atomics,
  architecture = process.arch,
}: ObjectChoice): ProbeObject {
  if (strategy === "fexit" && !atomics)
    throw new ProbesError(
      "ERR_PROBES_STRATEGY",
      "there is no fexit object for kernels without atomic instructions (before 5.12); use kprobe or tracepoint",
    );
  if (architecture !== "x64" && architecture !== "arm64")
    throw new ProbesError(
      "ERR_PROBES_ARCHITECTURE",
      `there are no programs for ${architecture}; supported are x64 and arm64`,
    );
  const name = `${strategy}.${transport}${atomics ? "" : ".noatomics"}.bpf.o`;
  const path = join(objectDirectory, architecture, name);
  if (!existsSync(path))
    throw new ProbesError("ERR_PROBES_NOT_BUILT", `${path} does not exist; run 'npm run build' first`);
  const sets = PROGRAM_SETS[strategy];
  // Typed tracepoint hooks need bpf_get_current_task_btf, which is as old as the atomics.
  const programSets =
    strategy === "tracepoint" && !atomics ? sets.filter(({ kind }) => kind === "raw") : sets;
  return {
    path,
    programSets,
    identify: "identify",
    locatePages: "locate_pages",
    ...(atomics ? { ioUring: IO_URING } : {}),
  };
}
