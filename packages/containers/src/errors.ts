/** Stable codes of {@link ContainersError}. */
export type ContainersErrorCode =
  | "ERR_CONTAINERS_HIERARCHY"
  | "ERR_CONTAINERS_WATCH"
  | "ERR_CONTAINERS_RUNTIME"
  | "ERR_CONTAINERS_KUBERNETES";

/** Something that attribution needs is not there. The message says what to do about it; `cause` has the detail. */
export class ContainersError extends Error {
  override readonly name = "ContainersError";
  readonly code: ContainersErrorCode;

  constructor(code: ContainersErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
