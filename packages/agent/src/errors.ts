/** Stable codes of {@link TapError}. */
export type TapErrorCode =
  | "ERR_TAP_OPTION"
  | "ERR_TAP_NOT_PERMITTED"
  | "ERR_TAP_NOT_SUPPORTED"
  | "ERR_TAP_RESOURCES"
  | "ERR_TAP_NOT_BUILT_IN"
  | "ERR_TAP_LAYOUT"
  | "ERR_TAP_KERNEL"
  | "ERR_TAP_STOPPED"
  | "ERR_TAP_ITERATED_TWICE";

/** Why a tap could not be started or used. The message says what to do about it; `cause` has the detail. */
export class TapError extends Error {
  override readonly name = "TapError";
  readonly code: TapErrorCode;
  /** The message without the code. */
  readonly reason: string;

  constructor(code: TapErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
    this.reason = message;
  }
}
