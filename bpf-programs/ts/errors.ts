/** Stable codes of {@link ProbesError}. */
export type ProbesErrorCode = "ERR_PROBES_STRATEGY" | "ERR_PROBES_ARCHITECTURE" | "ERR_PROBES_NOT_BUILT";

/** A compiled object that does not exist: the message says why and what to do. */
export class ProbesError extends Error {
  override readonly name = "ProbesError";
  readonly code: ProbesErrorCode;

  constructor(code: ProbesErrorCode, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
