import { errnoName } from "./errno.ts";

/** Every `code` a {@link BpfError} can have. They are stable: match on these, not on messages. */
export type BpfErrorCode =
  /** The native addon could not be loaded. */
  | "ERR_BPF_ADDON"
  /** The file or bytes are not an object libbpf can open. */
  | "ERR_BPF_OPEN"
  /** Loading into the kernel failed, for a reason other than those below. */
  | "ERR_BPF_LOAD"
  /** The kernel's verifier refused a program; see {@link BpfError.verifier}. */
  | "ERR_BPF_VERIFIER"
  /** Attaching failed: no such tracepoint, function, file, symbol, ... */
  | "ERR_BPF_ATTACH"
  /** A map operation failed. */
  | "ERR_BPF_MAP"
  /** A test run failed. */
  | "ERR_BPF_TEST_RUN"
  /** Reading a ring buffer or a perf buffer failed. */
  | "ERR_BPF_READER"
  /** A feature probe could not tell. */
  | "ERR_BPF_PROBE"
  /** Not permitted (EPERM). */
  | "ERR_BPF_PERMISSION"
  /** This kernel, or this build of libbpf, does not have it. */
  | "ERR_BPF_NOT_SUPPORTED"
  /** No program, map, variable or BTF type of that name. */
  | "ERR_BPF_NOT_FOUND"
  /** Needs `load()` first. */
  | "ERR_BPF_NOT_LOADED"
  /** Used after it, or the object it belongs to, was closed. */
  | "ERR_BPF_CLOSED"
  /** A value of the wrong type, size or range. */
  | "ERR_BPF_INVALID_ARGUMENT"
  /** Not possible at this moment, e.g. changing a map's size after the load. */
  | "ERR_BPF_INVALID_STATE";

/** What the kernel's verifier said about a refused program. */
export interface VerifierReport {
  /** Name of the refused program; empty when it has none. */
  program: string;
  /** The last meaningful lines of the log, usually the source line, the instruction and the reason. */
  summary: string;
  /** The whole log. */
  log: string;
}

/** Details of a {@link BpfError}. */
export interface BpfErrorOptions {
  operation: string;
  /** What went wrong, without the code. */
  reason: string;
  /** What to do about it. */
  hint?: string | undefined;
  errno?: number | undefined;
  verifier?: VerifierReport | undefined;
  /** What libbpf printed during the operation. */
  log?: string | undefined;
  cause?: unknown;
}

/** Every error this package throws. */
export class BpfError extends Error {
  override readonly name = "BpfError";
  /** Stable identifier of the kind of failure. */
  readonly code: BpfErrorCode;
  /** What was tried, e.g. "attach program handle_exit". */
  readonly operation: string;
  /** The positive errno where the failure came from the kernel or libbpf. */
  readonly errno: number | undefined;
  /** Its name, e.g. "EPERM". */
  readonly errnoName: string | undefined;
  /** Set when the verifier refused a program. */
  readonly verifier: VerifierReport | undefined;
  /** What libbpf printed at level "warn" during the operation; empty when nothing. */
  readonly log: string;

  constructor(code: BpfErrorCode, options: BpfErrorOptions) {
    const { operation, reason, hint, errno, verifier, log, cause } = options;
    const name = errno === undefined ? undefined : errnoName(errno);
    const where = name === undefined ? code : `${code}, ${name}`;
    super(
      `cannot ${operation}: ${reason} [${where}]${hint === undefined ? "" : `. ${hint}`}`,
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.operation = operation;
    this.errno = errno;
    this.errnoName = name;
    this.verifier = verifier;
    this.log = log ?? "";
    // Both can have a megabyte; printing the error should not print them, and the message has the summary.
    Object.defineProperty(this, "verifier", { enumerable: false });
    Object.defineProperty(this, "log", { enumerable: false });
  }
}

/** For arguments that cannot be right. */
export function invalidArgument(operation: string, reason: string, hint?: string): BpfError {
  return new BpfError("ERR_BPF_INVALID_ARGUMENT", { operation, reason, hint });
}

export function closedError(operation: string, what: string): BpfError {
  return new BpfError("ERR_BPF_CLOSED", { operation, reason: `${what} is closed` });
}
