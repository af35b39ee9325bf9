import type { Native } from "./native.ts";
import { closedError, BpfError, invalidArgument } from "./errors.ts";
import { BpfKprobeLink, type KprobeOrigin } from "./kprobe-link.ts";
import { createKretprobe, MAX_ACTIVE } from "./kretprobe.ts";
import { attach, BpfLink, type LinkOwner } from "./link.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import { programTypeName, type ProgramType } from "./names.ts";
import type { AttachKind, NativeProgram } from "./native.ts";
import { kprobePmu, missingFacility, tracefsAvailable } from "./facilities.ts";
import { tracepointId } from "./tracefs.ts";
import { checkPositive, checkString, checkUint, checkUint32 } from "./arguments.ts";

/** What a program belongs to: its object, or itself when it was loaded from raw instructions. */
export interface ProgramOwner extends LinkOwner {
  readonly closed: boolean;
  readonly loaded: boolean;
}

/** Options every attach method takes. */
export interface AttachOptions {
  /** A number the program reads with bpf_get_attach_cookie() (Linux 5.15, tracing programs 5.19). */
  cookie?: bigint;
}

/** Where to put a kprobe. */
export interface KprobeOptions extends AttachOptions {
  /** Name of a kernel function. */
  function: string;
  /** Run when the function returns instead of when it is entered (default false). */
  retprobe?: boolean;
  /** Bytes from the start of the function (default 0). */
  offset?: number;
  /**
   * How many calls may be under way at the same time without one being missed, for return probes: 1 to 4096. A wish:
   * it can be had only through tracefs, and without it the kernel's small default applies, which calls that wait use up
   * at once. {@link BpfKprobeLink.method} tells how it went.
   */
  maxActive?: number;
}

/** Which system call to probe. */
export interface KsyscallOptions extends AttachOptions {
  /** Name without prefix, e.g. "openat": libbpf finds the kernel's function for it. */
  syscall: string;
  retprobe?: boolean;
}

/** Where to put a uprobe: `symbol`, `offset`, or both (bytes from the start of that function). */
export interface UprobeOptions extends AttachOptions {
  /** An executable or shared library; a bare name ("libc.so.6") is searched as the loader would. */
  path: string;
  symbol?: string;
  /** Without `symbol`: bytes from the start of the file. */
  offset?: number;
  /** -1 every process (default), 0 this one, else a process id. */
  pid?: number;
  retprobe?: boolean;
}

/** Input of a test run. What is allowed depends on the program type. */
export interface TestRunOptions {
  /** Packet data, for types that take it (at least 14 bytes for socket filters). */
  data?: Uint8Array;
  /** The context; for raw tracepoints the arguments, as u64 each. */
  context?: Uint8Array;
  /** How often to run (default 1; raw tracepoints: once). */
  repeat?: number;
  /** BPF_F_TEST_RUN_ON_CPU and the like (default 0). */
  flags?: number;
  /** The CPU to run on, with that flag (default 0). */
  cpu?: number;
  /** Bytes to reserve for the packet that comes back (default: `data` plus 256; 0 to not ask for it). */
  dataOutBytes?: number;
  /** Bytes to reserve for the context that comes back (default 0: not asked for). */
  contextOutBytes?: number;
}

/** Outcome of a test run. */
export interface TestRunResult {
  /** The program's return value, as an unsigned 32-bit number. */
  returnValue: number;
  /** Mean duration of one run in nanoseconds; 0 where the kernel does not measure it. */
  durationNs: number;
  data?: Uint8Array;
  context?: Uint8Array;
}

/** A program of an object, or one loaded from raw instructions. */
export class BpfProgram {
  readonly #handle: number;
  readonly #owner: ProgramOwner;
  readonly #info: NativeProgram;
  #target: string | undefined;
  #attachId: number | undefined;

  /** @internal Made by {@link BpfObject} and {@link loadProgram}. */
  constructor(info: NativeProgram, owner: ProgramOwner) {
    this.#handle = info.handle;
    this.#owner = owner;
    this.#info = info;
  }

  get name(): string {
    return this.#info.name;
  }

  /** The ELF section, e.g. "tp_btf/sys_exit"; empty for raw instructions. */
  get section(): string {
    return this.#info.section;
  }

  /**
   * What the program is for, as its section or `setAttachTarget` says: the function, tracepoint ("category/name") or system
   * call; undefined when that is left open. {@link BpfObject.targets} tells whether the kernel has it.
   */
  get target(): string | undefined {
    return this.#target ?? /^\??[^/]+\/(.+)$/.exec(this.#info.section)?.[1];
  }

  get type(): ProgramType {
    return programTypeName(this.#info.type);
  }

  /** Whether {@link BpfObject.load} loads it. Can be changed until then. */
  get autoload(): boolean {
    return this.#info.autoload;
  }

  set autoload(value: boolean) {
    const operation = this.#operation("set the autoload of");
    this.#open(operation);
    this.#beforeLoad(operation);
    invoke(operation, "ERR_BPF_LOAD", (native) => native.programSetAutoload(this.#handle, value));
    this.#info.autoload = value;
  }

  get closed(): boolean {
    return this.#owner.closed;
  }

  /** File descriptor; -1 when the program is not loaded. Owned by the object: do not close it. */
  get fd(): number {
    const operation = this.#operation("read the fd of");
    this.#open(operation);
    return invokeQuiet(operation, "ERR_BPF_LOAD", (native) => native.programFd(this.#handle));
  }

  /** The kernel's id of the program, as bpftool shows it. */
  get id(): number {
    return this.#kernelInfo("read the id of").id;
  }

  /** Instructions before the verifier's rewriting (0 for raw instructions) or, once loaded, after it. */
  get instructionCount(): number {
    const operation = this.#operation("count the instructions of");
    this.#open(operation);
    if (this.fd >= 0) return this.#kernelInfo("count the instructions of").instructions;
    return invokeQuiet(operation, "ERR_BPF_LOAD", (native) => native.programInstructions(this.#handle));
  }

  /** Instructions the verifier walked through when it was loaded; 0 on kernels before 5.16, which do not say. */
  get verifiedInstructions(): number {
    return this.#kernelInfo("count the verified instructions of").verifiedInstructions;
  }

  /**
   * How often the kernel did not run the program because it was running on that CPU already (bpf_prog_info's
   * recursion_misses). 0 on kernels before 5.12, which do not say.
   */
  get recursionMisses(): number {
    return this.#kernelInfo("count the missed runs of").recursionMisses;
  }

  /** Sets the function a fentry, fexit or tp_btf program attaches to, instead of the one in its section. Before load. */
  setAttachTarget(name: string): void {
    const operation = this.#operation("set the attach target of");
    this.#open(operation);
    this.#beforeLoad(operation);
    checkString(operation, "the target", name);
    invoke(operation, "ERR_BPF_NOT_FOUND", (native) => native.programSetAttachTarget(this.#handle, name));
    this.#target = name;
  }

  /**
   * Says by its id in the kernel's BTF which function a program in a section `fentry.id/NAME` or `fexit.id/NAME` is for; such
   * a program does not load without. {@link findKernelFunctions} gives the ids. Before load.
   */
  setAttachId(id: number): void {
    const operation = this.#operation("set the attach id of");
    this.#open(operation);
    this.#beforeLoad(operation);
    checkUint32(operation, "the id", id);
    if (!/^\??f(entry|exit)\.id\//.test(this.section))
      throw invalidArgument(operation, `its section ${this.section} says itself what it is for`);
    invoke(operation, "ERR_BPF_LOAD", (native) => native.programSetAttachId(this.#handle, id));
    this.#attachId = id;
  }

  /** What {@link setAttachId} was given. */
  get attachId(): number | undefined {
    return this.#attachId;
  }

  /** Attaches to what the program's section says. */
  attach(): BpfLink {
    const [category, name] = this.target?.split("/") ?? [];
    if (this.type === "tracepoint" && category !== undefined && name !== undefined) {
      return this.attachTracepoint(category, name);
    }
    return this.#attach("attach", "auto", {});
  }

  /** Attaches to a tracepoint, e.g. ("syscalls", "sys_enter_openat"). */
  attachTracepoint(category: string, name: string, options: AttachOptions = {}): BpfLink {
    const what = `attach to tracepoint ${category}:${name}:`;
    checkString(what, "the category", category);
    checkString(what, "the name", name);
    // libbpf finds it by its name only where tracefs is mounted, and not for raw instructions.
    if (this.section === "" || !tracefsAvailable()) {
      const operation = this.#operation(what);
      this.#usable(operation);
      const event = tracepointId(operation, category, name);
      return this.#attach(what, "event", { ...options, event });
    }
    return this.#attach(what, "tracepoint", { ...options, category, name });
  }

  /** Attaches to a raw tracepoint, e.g. "sys_enter". */
  attachRawTracepoint(name: string): BpfLink {
    checkString("attach to a raw tracepoint", "the name", name);
    return this.#attach(`attach to raw tracepoint ${name}:`, "rawTracepoint", { name });
  }

  /** Attaches a tp_btf, fentry, fexit or lsm program to the function it was loaded for. */
  attachTrace(options: AttachOptions = {}): BpfLink {
    return this.#attach("attach (trace)", "trace", options);
  }

  /** Attaches to a kernel function. */
  attachKprobe(options: KprobeOptions): BpfKprobeLink {
    const what = `attach to kernel function ${options.function}:`;
    const { maxActive, offset, retprobe = false } = options;
    checkString(what, "function", options.function);
    // What is written to tracefs is a line of words.
    if (/\s/.test(options.function)) throw invalidArgument(what, "a function's name has no white space");
    if (offset !== undefined) checkUint(what, "offset", offset);
    if (maxActive === undefined) return this.#attachByPerf(what, options, {});
    checkPositive(what, "maxActive", maxActive);
    if (maxActive > MAX_ACTIVE)
      throw invalidArgument(what, `maxActive is ${maxActive}, more than ${MAX_ACTIVE}`);
    if (!retprobe) throw invalidArgument(what, "maxActive is for return probes (retprobe: true)");
    if (offset !== undefined && offset !== 0) throw invalidArgument(what, "a return probe has no offset");
    return this.#attachKretprobe(what, options, maxActive);
  }

  /** Attaches to the kernel's function for a system call. */
  attachKsyscall(options: KsyscallOptions): BpfKprobeLink {
    const what = `attach to system call ${options.syscall}:`;
    checkString(what, "syscall", options.syscall);
    return this.#attachKprobe(what, "ksyscall", options, {});
  }

  attachUprobe(options: UprobeOptions): BpfLink {
    const what = `attach to ${options.symbol ?? `offset ${options.offset}`} in ${options.path}:`;
    checkString(what, "path", options.path);
    if (options.symbol === undefined && options.offset === undefined) {
      throw invalidArgument(what, "neither symbol nor offset is given");
    }
    if (options.symbol !== undefined) checkString(what, "symbol", options.symbol);
    if (options.offset !== undefined) checkUint(what, "offset", options.offset);
    if (options.pid !== undefined && (!Number.isInteger(options.pid) || options.pid < -1)) {
      throw invalidArgument(what, `pid ${options.pid} is no process id`);
    }
    return this.#attach(what, "uprobe", options);
  }

  /** Attaches a cgroup program to the cgroup that `cgroupFd` (an open folder of cgroup2) stands for. */
  attachCgroup(cgroupFd: number): BpfLink {
    checkUint("attach to a cgroup", "cgroupFd", cgroupFd);
    return this.#attach("attach to a cgroup:", "cgroup", { cgroupFd });
  }

  /** Runs the program in the kernel without attaching it (BPF_PROG_TEST_RUN). */
  testRun(options: TestRunOptions = {}): TestRunResult {
    const operation = this.#operation("test-run");
    this.#usable(operation);
    const { data, context, flags = 0, cpu = 0, contextOutBytes = 0 } = options;
    // Raw tracepoints refuse any repeat count, even 1.
    const repeat = options.repeat ?? (this.type.startsWith("raw_tracepoint") ? 0 : 1);
    const dataOutBytes = options.dataOutBytes ?? (data === undefined ? 0 : data.byteLength + 256);
    for (const [name, value] of Object.entries({ repeat, flags, cpu, dataOutBytes, contextOutBytes })) {
      checkUint32(operation, name, value);
    }
    return invokeQuiet(operation, "ERR_BPF_TEST_RUN", (native) =>
      native.programTestRun(this.#handle, data, context, repeat, flags, cpu, dataOutBytes, contextOutBytes),
    );
  }

  #attach(what: string, kind: AttachKind, options: object): BpfLink {
    return new BpfLink(this.#attachHandle(what, kind, options), this.#owner);
  }

  #attachKprobe(what: string, kind: AttachKind, options: object, origin: KprobeOrigin): BpfKprobeLink {
    return new BpfKprobeLink(this.#attachHandle(what, kind, options), this.#owner, origin);
  }

  #attachKretprobe(what: string, options: KprobeOptions, maxActive: number): BpfKprobeLink {
    this.#usable(this.#operation(what));
    let fallbackReason: string;
    try {
      const event = createKretprobe(options.function, maxActive);
      try {
        return this.#attachKprobe(what, "event", { ...options, event: event.id }, { event, maxActive });
      } catch (error) {
        event.remove();
        throw error;
      }
    } catch (error) {
      fallbackReason = error instanceof Error ? error.message : String(error);
    }
    return this.#attachByPerf(what, options, { fallbackReason });
  }

  #attachByPerf(what: string, options: KprobeOptions, origin: KprobeOrigin): BpfKprobeLink {
    return this.#attachKprobe(what, "kprobe", { ...options, ...kprobePmu() }, origin);
  }

  #attachHandle(what: string, kind: AttachKind, options: object): number {
    const operation = this.#operation(what);
    this.#usable(operation);
    const hint = missingFacility(this.type, this.section, kind);
    return attach(operation, this.#handle, kind, options, hint);
  }

  #kernelInfo(what: string): ReturnType<Native["programInfo"]> {
    const operation = this.#operation(what);
    this.#usable(operation);
    return invokeQuiet(operation, "ERR_BPF_LOAD", (native) => native.programInfo(this.#handle));
  }

  #operation(what: string): string {
    return `${what} program ${this.name}`;
  }

  #open(operation: string): void {
    if (this.#owner.closed) throw closedError(operation, "its object");
  }

  #beforeLoad(operation: string): void {
    if (!this.#owner.loaded) return;
    throw new BpfError("ERR_BPF_INVALID_STATE", { operation, reason: "the object is already loaded" });
  }

  #usable(operation: string): void {
    this.#open(operation);
    if (this.#owner.loaded && this.fd >= 0) return;
    const reason = this.#owner.loaded ? "it was not loaded (autoload is false)" : "the object is not loaded";
    throw new BpfError("ERR_BPF_NOT_LOADED", { operation, reason, hint: "Call load() first" });
  }
}
