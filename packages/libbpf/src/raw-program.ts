import { checkBytes, checkString, checkUint32 } from "./arguments.ts";
import { loadedAddon } from "./addon.ts";
import { ENOENT } from "./errno.ts";
import { BpfError, invalidArgument } from "./errors.ts";
import { invoke, toBpfError } from "./invoke.ts";
import type { BpfLink } from "./link.ts";
import { attachTypeNumber, btfKindNumber, programTypeNumber } from "./names.ts";
import type { AttachType, BtfKind, ProgramType } from "./names.ts";
import { BpfProgram } from "./program.ts";
import { summarize } from "./verifier.ts";

/** A program as instructions. */
export interface LoadProgramOptions {
  type: ProgramType;
  /** `struct bpf_insn` after `struct bpf_insn`, 8 bytes each, in the machine's byte order. */
  instructions: Uint8Array;
  /** "GPL" to use helpers reserved to it. */
  license: string;
  /** At most 15 bytes; letters, digits, "_" and ".". */
  name?: string;
  expectedAttachType?: AttachType;
  /** What a tracing program is for; see {@link findKernelBtfId}. */
  attachBtfId?: number;
  /** BPF_F_* of the load, e.g. BPF_F_SLEEPABLE (default 0). */
  flags?: number;
  /** The verifier's verbosity (default 0: a log only of a refused program; 2: of every instruction). */
  logLevel?: number;
  /** Gets the verifier's log when `logLevel` is above 0 and the program was accepted. */
  onLog?: (log: string) => void;
}

/** A program that belongs to no object. Close it, or let the garbage collector do it (not while it is attached). */
export class RawBpfProgram extends BpfProgram {
  readonly #state: RawOwner;

  /** @internal */
  constructor(handle: number, name: string, type: number, attachType: number, state: RawOwner) {
    super({ handle, name, section: "", type, attachType, autoload: true }, state);
    this.#state = state;
    lost.register(this, handle, this);
  }

  /** Detaches and unloads it, unless something else (a prog_array, a link) holds it. Doing it again does nothing. */
  close(): void {
    if (this.#state.closed) return;
    for (const link of this.#state.links) link.close();
    this.#state.closed = true;
    lost.unregister(this);
    loadedAddon()?.programClose(this.#state.handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface RawOwner {
  readonly handle: number;
  readonly links: Set<BpfLink>;
  readonly loaded: boolean;
  closed: boolean;
}

const lost = new FinalizationRegistry<number>((handle) => loadedAddon()?.programClose(handle));

const INSTRUCTION_BYTES = 8;
/** The verifier's limit for privileged programs. */
const MAX_INSTRUCTIONS = 1_000_000;
const LOG_BYTES = 1 << 20;
const MAX_LOG_BYTES = 1 << 26;

/** Loads a program from instructions. Throws ERR_BPF_VERIFIER with the log when the verifier refuses it. */
export function loadProgram(options: LoadProgramOptions): RawBpfProgram {
  const { type, instructions, license, name = "", attachBtfId = 0, flags = 0, logLevel = 0 } = options;
  const operation = `load program ${name === "" ? "from instructions" : name}`;
  const typeNumber = programTypeNumber(operation, type);
  const attachType =
    options.expectedAttachType === undefined ? 0 : attachTypeNumber(operation, options.expectedAttachType);
  checkBytes(operation, "instructions", instructions);
  const count = instructions.byteLength / INSTRUCTION_BYTES;
  if (!Number.isInteger(count) || count === 0 || count > MAX_INSTRUCTIONS) {
    throw invalidArgument(operation, `${instructions.byteLength} bytes are no instructions of 8 bytes each`);
  }
  checkString(operation, "license", license);
  if (!/^[\w.]{0,15}$/.test(name)) {
    throw invalidArgument(
      operation,
      `the kernel takes no name such as "${name}"`,
      "At most 15 of A-Z a-z 0-9 _ .",
    );
  }
  for (const [what, value] of Object.entries({ attachBtfId, flags, logLevel }))
    checkUint32(operation, what, value);

  const attempt = (level: number, bytes: number): { handle?: number; errno?: number; log: string } =>
    invoke(operation, "ERR_BPF_LOAD", (native) =>
      native.programLoad(
        typeNumber,
        name,
        license,
        instructions,
        attachType,
        attachBtfId,
        flags,
        level,
        bytes,
      ),
    );
  let result = attempt(logLevel, logLevel > 0 ? LOG_BYTES : 0);
  // Asked for only now: writing the log is most of the time a load takes.
  for (let bytes = LOG_BYTES; result.handle === undefined && bytes <= MAX_LOG_BYTES; bytes *= 8) {
    result = attempt(Math.max(logLevel, 1), bytes);
    if (result.log.length < bytes - 1) break;
  }
  if (result.handle === undefined) throw refusal(operation, name, result.errno ?? 0, result.log);
  if (logLevel > 0) options.onLog?.(result.log);
  const owner = { handle: result.handle, links: new Set<BpfLink>(), loaded: true, closed: false };
  return new RawBpfProgram(result.handle, name, typeNumber, attachType, owner);
}

function refusal(operation: string, name: string, errno: number, log: string): BpfError {
  const error = toBpfError(operation, "ERR_BPF_LOAD", { errno, text: "", stale: false }, "");
  const summary = summarize(log);
  if (error.code !== "ERR_BPF_LOAD" || summary === "") return error;
  return new BpfError("ERR_BPF_VERIFIER", {
    operation,
    reason: `the verifier refuses it:\n${summary}\n`,
    errno,
    verifier: { program: name, summary, log },
  });
}

/**
 * Id of a type in the running kernel's BTF, e.g. ("tcp_sendmsg", "func") for fentry and fexit,
 * ("btf_trace_sys_exit", "typedef") for tp_btf. Throws ERR_BPF_NOT_FOUND.
 */
export function findKernelBtfId(name: string, kind: BtfKind): number {
  const operation = `find ${kind} ${name} in the kernel's BTF`;
  const number = btfKindNumber(operation, kind);
  checkString(operation, "the name", name);
  const [id] = invoke(operation, "ERR_BPF_NOT_SUPPORTED", (native) => native.kernelBtfIds([name], [number]));
  if (id !== undefined && id >= 0) return id;
  throw new BpfError("ERR_BPF_NOT_FOUND", { operation, reason: "the kernel has none", errno: ENOENT });
}
