import { randomBytes } from "node:crypto";
import { LAYOUT_HASH, STAGE } from "@tcptracker/events";
import {
  BpfError,
  BpfKprobeLink,
  BpfObject,
  features,
  type BpfLink,
  type BpfProgram,
} from "@tcptracker/libbpf";
import { MAPS, STAGE_NAMES, stageProgramsOf, type ProgramSet, type StagePrograms } from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import type { StageArray } from "../filter/kernel-filter.ts";
import type { FilterTarget } from "../filter/tap-filter.ts";
import type { ResolvedTapOptions } from "../options.ts";
import type { Candidate } from "./candidates.ts";
import { chooseFexitTargets } from "./fexit-targets.ts";
import { IoUring, type IoUringSupport } from "./io-uring.ts";
import { PageCache, type PageCacheSupport } from "./page-cache.ts";

/** A reader is woken when the buffer is an eighth full, and at every further eighth. */
export const WAKEUP_FRACTION = 8;

/** A record that comes this long after the last wake-up, in milliseconds, is sent with one. */
export const WAKEUP_INTERVAL = 10;

/**
 * Calls of one kind that may wait inside the kernel at the same time without one being missed by its kretprobe: the most
 * that Linux allows.
 */
const MAX_ACTIVE = 4096;

/** A program on the exit of one system call or, with the tracepoint strategy, of all. */
export interface Hook {
  /** Its name in the object. */
  readonly program: string;
  /** The kernel function or tracepoint, e.g. `__x64_sys_sendto`, `sys_exit`. */
  readonly target: string;
  /** Set when only 32-bit programs call the function. */
  readonly compat?: true;
  /** Why it is not attached; absent when it is. */
  readonly reason?: string;
  /** Set when it is not attached because this kernel has no such function. */
  readonly unknown?: true;
  /** Why only few of these calls may wait in the kernel at the same time without one being missed; mostly absent. */
  readonly limitation?: string;
  /** Why the second program is missing that stands by where this kernel may skip the first one; mostly absent. */
  readonly unpaired?: string;
}

/** Without these, hardly anything would be seen: then another strategy is better. */
const ESSENTIAL = /_(read|write|readv|writev|recvfrom|sendto|recvmsg|sendmsg|connect|accept4)$|^sys_exit/;

/** The programs that are not attached, and why. */
type Missing = Map<string, BpfError>;

/** The loaded and attached programs of one candidate. */
export interface Attachment extends FilterTarget {
  readonly links: BpfLink[];
  /** What is attached: the hooks and the life-cycle programs. */
  readonly programs: readonly BpfProgram[];
  readonly hooks: readonly Hook[];
  readonly ioUring: IoUringSupport;
  readonly pageCache: PageCacheSupport;
}

/**
 * Loads and attaches the programs of a candidate. A call that this kernel does not have, or whose program it refuses, is
 * left out and named in the hooks, unless it is one that a tap cannot do without.
 *
 * @param prepare - called when all is loaded and nothing is attached yet: for the filter
 * @throws BpfError when the kernel refuses the candidate
 */
export function attach(
  candidate: Candidate,
  options: ResolvedTapOptions,
  prepare: (target: FilterTarget) => void = () => undefined,
): Attachment {
  if (candidate.strategy === "kprobe" && !features.kprobesAvailable())
    throw new BpfError("ERR_BPF_NOT_SUPPORTED", {
      operation: "attach kprobes",
      reason: "this kernel has no kprobes (CONFIG_KPROBES)",
      hint: "Use another attach strategy, or auto",
    });
  const missing: Missing = new Map();
  const limited = new Map<string, string>();
  const ioUring = new IoUring(candidate.object, candidate.doubledIoUring);
  const pageCache = new PageCache(candidate);
  const object = loadWithout(missing, candidate, options, [ioUring, pageCache]);
  const links: BpfLink[] = [];
  try {
    identifyTap(object, candidate.object.identify);
    const arrays = [...fillStages(object, candidate), ...ioUring.fillStages(object)];
    pageCache.locate(object);
    prepare({ object, arrays });
    // Connections must be seen to end from the moment that the first one is seen.
    const programs = lifeCycle(candidate).map((name) => object.program(name));
    for (const program of programs) links.push(program.attach());
    for (const program of hookPrograms(object, candidate)) {
      if (missing.has(program.name)) continue;
      try {
        const link = attachHook(program);
        links.push(link);
        programs.push(program);
        if (link instanceof BpfKprobeLink && link.fallbackReason !== undefined)
          limited.set(program.name, link.fallbackReason);
      } catch (error) {
        leaveOut(missing, candidate, program.name, error);
      }
    }
    const attached = ioUring.attach(object);
    links.push(...attached.links);
    programs.push(...attached.programs);
    return {
      object,
      arrays,
      links,
      programs,
      hooks: hooksOf(object, candidate, missing, limited),
      ioUring: ioUring.support,
      pageCache: pageCache.support,
    };
  } catch (error) {
    for (const link of links) link.close();
    object.close();
    throw error;
  }
}

function attachHook(program: BpfProgram): BpfLink {
  if (program.type !== "kprobe") return program.attach();
  return program.attachKprobe({ function: targetOf(program), retprobe: true, maxActive: MAX_ACTIVE });
}

/**
 * In the order in which they have to be attached for the first copies to run first: a tracepoint calls its programs in the order in
 * which they came, a trampoline calls the one that came last first.
 */
function hookPrograms(object: BpfObject, { set, strategy, doubledHooks }: Candidate): BpfProgram[] {
  const hooks = Array.from(object.programs.values()).filter(({ name }) => isHook(set, name));
  const isSecond = ({ name }: BpfProgram): boolean => name.endsWith(SECOND_COPY);
  if (!doubledHooks) return hooks.filter((hook) => !isSecond(hook));
  const order = strategy === "fexit" ? -1 : 1;
  return hooks.toSorted((one, other) => order * (Number(isSecond(one)) - Number(isSecond(other))));
}

function isHook(set: ProgramSet, program: string): boolean {
  return program.startsWith(set.hooks) || isForCompat(set, program);
}

/** Whether it hooks a function that only 32-bit programs call. */
function isForCompat({ compatHooks }: ProgramSet, program: string): boolean {
  return compatHooks !== undefined && program.startsWith(compatHooks);
}

/** How the names of the copies end that are attached where the kernel preempts programs (turns.bpf.h). */
const SECOND_COPY = "_again";

function lifeCycle({ set, doubledLifeCycle }: Candidate): string[] {
  const names = [set.state, set.destroy];
  return doubledLifeCycle ? [...names, ...names.map((name) => name + SECOND_COPY)] : names;
}

/** "kretprobe/__x64_sys_sendto" is for __x64_sys_sendto. */
function targetOf(program: BpfProgram): string {
  return program.section.slice(program.section.indexOf("/") + 1);
}

function hooksOf(
  object: BpfObject,
  candidate: Candidate,
  missing: Missing,
  limited: ReadonlyMap<string, string>,
): Hook[] {
  const firstCopies = hookPrograms(object, candidate).filter(({ name }) => !name.endsWith(SECOND_COPY));
  return firstCopies.map((program) => {
    const error = missing.get(program.name);
    const limitation = limited.get(program.name);
    const unpaired = missing.get(program.name + SECOND_COPY);
    return {
      program: program.name,
      target: targetOf(program),
      ...(isForCompat(candidate.set, program.name) ? { compat: true } : {}),
      ...(error?.errnoName === "ENOENT" ? { unknown: true } : {}),
      ...(error === undefined ? {} : { reason: error.message }),
      ...(limitation === undefined ? {} : { limitation }),
      ...(unpaired === undefined || error !== undefined ? {} : { unpaired: unpaired.message }),
    };
  });
}

/** Does without a call, or passes the error on when that is not possible. */
function leaveOut(missing: Missing, { set }: Candidate, program: string, error: unknown): void {
  if (!(error instanceof BpfError)) throw error;
  if (ESSENTIAL.test(program) && !isForCompat(set, program)) throw error;
  missing.set(program, error);
}

/** Programs that a tap can do without. */
interface Extra {
  /** The programs to load. */
  readonly wanted: readonly string[];
  /** The kernel refused one of them. */
  giveUp(error: unknown): void;
}

function open(candidate: Candidate, options: ResolvedTapOptions, extras: readonly Extra[]): BpfObject {
  const ring = candidate.transport === "ringbuf" ? { maxEntries: options.bufferSize } : {};
  const object = BpfObject.open(candidate.object.path, {
    name: "tcptracker",
    rodata: {
      snaplen: options.snaplen,
      wakeup_shift: Math.log2(options.bufferSize / WAKEUP_FRACTION),
      wakeup_interval: WAKEUP_INTERVAL * 1_000_000,
      connection_seed: randomBytes(8).readBigUInt64LE(),
      doubled: candidate.doubledHooks || candidate.doubledIoUring,
    },
    maps: { [MAPS.ring]: ring, [MAPS.connections]: { maxEntries: options.maxConnections } },
  });
  const { set, object: probe } = candidate;
  const wanted = new Set([
    ...stageProgramsOf(set),
    ...lifeCycle(candidate),
    probe.identify,
    ...extras.flatMap((extra) => extra.wanted),
  ]);
  for (const { name } of hookPrograms(object, candidate)) wanted.add(name);
  for (const program of object.programs.values()) program.autoload = wanted.has(program.name);
  return object;
}

/** Loads the candidate; adds the programs that had to be left out for it to `missing`. */
function loadWithout(
  missing: Missing,
  candidate: Candidate,
  options: ResolvedTapOptions,
  extras: readonly Extra[],
): BpfObject {
  for (;;) {
    const object = open(candidate, options, extras);
    try {
      checkLayout(object);
      if (candidate.strategy === "fexit")
        chooseFexitTargets(object, candidate.set, hookPrograms(object, candidate), ({ name }, error) =>
          leaveOut(missing, candidate, name, error),
        );
      for (const name of missing.keys()) object.program(name).autoload = false;
      object.load();
      return object;
    } catch (error) {
      object.close();
      const refused = error instanceof BpfError ? error.verifier?.program : undefined;
      if (refused === undefined) throw error;
      // Each turn leaves out one more program, or those of an extra, so there are not many.
      const extra = extras.find(({ wanted }) => wanted.includes(refused));
      if (extra !== undefined) {
        extra.giveUp(error);
        continue;
      }
      if (!isHook(candidate.set, refused) || missing.has(refused)) throw error;
      leaveOut(missing, candidate, refused, error);
    }
  }
}

/** The programs must know whom to ignore before the first of them runs. */
function identifyTap(object: BpfObject, identify: string): void {
  try {
    object.program(identify).testRun({});
  } catch (error) {
    if (!(error instanceof BpfError) || error.code === "ERR_BPF_PERMISSION") throw error;
    // Before 5.10 there are no test runs of raw tracepoints; inside a pid namespace this would be the wrong one.
    object.writeVariable("own_pid", process.pid);
  }
}

function fillStages(object: BpfObject, { set }: Candidate): StageArray[] {
  const arrays = [fillArray(object, MAPS.stages, set.stages)];
  if (set.fileStages !== undefined) arrays.push(fillArray(object, MAPS.fileStages, set.fileStages));
  return arrays;
}

function fillArray(object: BpfObject, map: string, programs: StagePrograms): StageArray {
  const stages = object.map(map);
  for (const slot of [STAGE.filter, STAGE.filter_payload]) stages.setFd(slot, object.program(programs.emit));
  for (const stage of STAGE_NAMES) {
    const program = programs[stage];
    if (program !== undefined) stages.setFd(STAGE[stage], object.program(program));
  }
  return { map, emit: programs.emit };
}

/** Objects and decoder must have been made from the same event.h. */
function checkLayout(object: BpfObject): void {
  const bytes = object.readVariable("layout_hash");
  const hash = new DataView(bytes.buffer, bytes.byteOffset)
    .getBigUint64(0, true)
    .toString(16)
    .padStart(16, "0");
  if (hash !== LAYOUT_HASH)
    throw new TapError(
      "ERR_TAP_LAYOUT",
      `the eBPF objects write records of layout ${hash}, the decoder reads ${LAYOUT_HASH}; ` +
        "build @tcptracker/probes and @tcptracker/events from the same version",
    );
}
