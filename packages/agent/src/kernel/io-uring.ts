import { STAGE } from "@tcptracker/events";
import { BpfError, findKernelBtfId, type BpfLink, type BpfObject, type BpfProgram } from "@tcptracker/libbpf";
import { MAPS, type IoUringPrograms, type ProbeObject } from "@tcptracker/probes";
import type { StageArray } from "../filter/kernel-filter.ts";

/** Whether sends and receives that go through io_uring, without a system call each, are recorded. */
export interface IoUringSupport {
  readonly seen: boolean;
  /** Why not, or what of them not. */
  readonly reason?: string;
  /** Set when there is nothing to see: no program can use it on this kernel. */
  readonly absent?: true;
}

const COMPLETE = "io_uring_complete";
/** The second is the name before 6.5 or so. */
const SUBMIT = ["io_uring_submit_req", "io_uring_submit_sqe"] as const;
const WAKE = "io_uring_task_add";

function isKnown(name: string, kind: "struct" | "typedef"): boolean {
  try {
    findKernelBtfId(name, kind);
    return true;
  } catch (error) {
    if (error instanceof BpfError && error.code !== "ERR_BPF_PERMISSION") return false;
    throw error;
  }
}

/** What this kernel tells of io_uring, judged by its BTF alone: no program is loaded. */
export function ioUringSupport(): IoUringSupport {
  if (!isKnown(`btf_trace_${COMPLETE}`, "typedef"))
    return {
      seen: false,
      absent: true,
      reason: `this kernel has no tracepoint ${COMPLETE}: it was built without io_uring`,
    };
  // The tracepoint has named the request since 5.18, and requests have had their present layout since 6.0.
  if (!isKnown("io_cmd_data", "struct"))
    return {
      seen: false,
      reason: "this kernel does not tell which request of io_uring has completed (Linux 6.0 and later do)",
    };
  return { seen: true };
}

/** How the names of the copies end that are attached where the kernel preempts programs (turns.bpf.h). */
const SECOND_COPY = "_again";

function programNames({ stages, ...hooks }: IoUringPrograms, doubled: boolean): string[] {
  const names: string[] = Object.values(hooks);
  const copies = doubled ? names.map((name) => name + SECOND_COPY) : [];
  return [...names, ...copies, ...Object.values(stages)];
}

/** The io_uring side of an attachment: what is wanted before the load, and what came of it. */
export class IoUring {
  readonly #programs: IoUringPrograms | undefined;
  readonly #doubled: boolean;
  #support: IoUringSupport;

  /** @param doubled - whether to attach a second copy of each hook */
  constructor({ ioUring }: ProbeObject, doubled: boolean) {
    this.#doubled = doubled;
    this.#support = ioUringSupport();
    this.#programs = this.#support.seen ? ioUring : undefined;
  }

  get support(): IoUringSupport {
    return this.#support;
  }

  /** The programs to load. */
  get wanted(): readonly string[] {
    return this.#programs === undefined || !this.#support.seen
      ? []
      : programNames(this.#programs, this.#doubled);
  }

  /** The kernel refused one of them: the tap does without io_uring. */
  giveUp(error: unknown): void {
    this.#support = { seen: false, reason: error instanceof Error ? error.message : String(error) };
  }

  /** Puts the stages of what was loaded into their slots. */
  fillStages(object: BpfObject): readonly StageArray[] {
    const names = this.#programs;
    if (names === undefined || !this.#support.seen) return [];
    const stages = object.map(MAPS.ioUringStages);
    for (const slot of [STAGE.filter, STAGE.filter_payload])
      stages.setFd(slot, object.program(names.stages.emit));
    for (const [stage, program] of Object.entries(names.stages))
      stages.setFd(STAGE[stage as keyof typeof names.stages], object.program(program));
    return [{ map: MAPS.ioUringStages, emit: names.stages.emit }];
  }

  /** Attaches what was loaded; never fails, because there is the rest of the tap. */
  attach(object: BpfObject): { links: BpfLink[]; programs: BpfProgram[] } {
    const links: BpfLink[] = [];
    const programs: BpfProgram[] = [];
    const names = this.#programs;
    if (names === undefined || !this.#support.seen) return { links, programs };
    const attachTo = (name: string, tracepoint: string): void => {
      for (const copy of this.#doubled ? [name, name + SECOND_COPY] : [name]) {
        const program = object.program(copy);
        links.push(program.attachRawTracepoint(tracepoint));
        programs.push(program);
      }
    };
    try {
      // A completion may follow at once on what these two have seen.
      attachFirst(SUBMIT.map((tracepoint) => () => attachTo(names.submit, tracepoint)));
      attachTo(names.wake, WAKE);
      // A kernel refuses to attach a program that reads more arguments than the tracepoint has.
      attachFirst([names.completeValues, names.completeCqe].map((name) => () => attachTo(name, COMPLETE)));
    } catch (error) {
      for (const link of links.splice(0)) link.close();
      this.giveUp(error);
      return { links: [], programs: [] };
    }
    return { links, programs };
  }
}

/** The first of several ways to attach that works; throws what the last one threw. */
function attachFirst(ways: readonly (() => void)[]): void {
  let failure: unknown;
  for (const way of ways) {
    try {
      way();
      return;
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      failure = error;
    }
  }
  throw failure;
}
