/** Stable codes of {@link ExportError}. */
export type ExportErrorCode =
  /** An option is out of range, or does not go with another one. */
  | "ERR_EXPORT_OPTION"
  /** Plaintext to (or on) an address that is not loopback. */
  | "ERR_EXPORT_PLAINTEXT"
  /** A certificate, key or token file cannot be read, or is not what it should be. */
  | "ERR_EXPORT_FILE"
  /** The private key does not belong to the certificate. */
  | "ERR_EXPORT_KEY_MISMATCH"
  /** The other side's certificate has expired, or is not valid yet. */
  | "ERR_EXPORT_CERTIFICATE_EXPIRED"
  /** The collector's certificate is for other names than the one it was reached by. */
  | "ERR_EXPORT_CERTIFICATE_NAME"
  /** The other side's certificate comes from an authority that is not trusted here. */
  | "ERR_EXPORT_CERTIFICATE_ISSUER"
  /** The collector wants a client certificate, and there is none, or it does not accept it. */
  | "ERR_EXPORT_CERTIFICATE_CLIENT"
  /** Another failure of TLS; `cause` has it. */
  | "ERR_EXPORT_TLS"
  /** The collector cannot be reached. */
  | "ERR_EXPORT_UNREACHABLE"
  /** The collector wants a token, or another one. */
  | "ERR_EXPORT_UNAUTHENTICATED"
  /** The collector has ended the stream; the message says why. */
  | "ERR_EXPORT_REFUSED"
  /** The collector did not answer in time. */
  | "ERR_EXPORT_TIMEOUT"
  /** The spool cannot be used or written, or is older than what the collector has of it. */
  | "ERR_EXPORT_SPOOL"
  /** What came is not a message of tcptracker.v1. */
  | "ERR_EXPORT_MESSAGE"
  /** The exporter or collector was closed. */
  | "ERR_EXPORT_CLOSED";

/** Why something cannot be exported, sent or received. The message says what to do about it; `cause` has the detail. */
export class ExportError extends Error {
  override readonly name = "ExportError";
  /** What kind of failure this is; stable. */
  readonly code: ExportErrorCode;

  constructor(code: ExportErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.code = code;
  }
}
