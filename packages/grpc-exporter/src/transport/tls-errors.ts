import { ExportError, type ExportErrorCode } from "../errors.ts";

/** OpenSSL's and Node.js's names of what may be wrong with the other side, and what that means here. */
const MEANINGS: readonly (readonly [RegExp, ExportErrorCode, string])[] = [
  [
    /CERT_HAS_EXPIRED|ALERT_CERTIFICATE_EXPIRED|CERT_NOT_YET_VALID|certificate has expired|not yet valid/i,
    "ERR_EXPORT_CERTIFICATE_EXPIRED",
    "the certificate has expired or is not valid yet; renew it, or correct the clock",
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|does not match certificate/i,
    "ERR_EXPORT_CERTIFICATE_NAME",
    "the certificate is for other names; use one of those",
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|PEER_DID_NOT_RETURN_A_CERTIFICATE|peer did not return a certificate|ALERT_HANDSHAKE_FAILURE|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA|ALERT_CERTIFICATE_UNKNOWN/i,
    "ERR_EXPORT_CERTIFICATE_CLIENT",
    "a client certificate is missing, or its authority is not trusted there; give one that is",
  ],
  [
    /UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA|unable to (?:verify|get)|self.signed/i,
    "ERR_EXPORT_CERTIFICATE_ISSUER",
    "the certificate comes from an authority that is not trusted here; name its authority's file",
  ],
];

/** Names of what a socket says when nobody is there. */
const UNREACHABLE = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|EPIPE/;

/** What an error of a TLS connection means; `who` begins the sentence, such as `collector.example:4319`. */
export function explainTlsError(who: string, error: unknown): ExportError {
  if (error instanceof ExportError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const names = (error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname;
  const found = MEANINGS.find(([pattern]) => pattern.test(code) || pattern.test(message));
  if (found !== undefined)
    return new ExportError(
      found[1],
      `${who}: ${found[2]} (${message.split("\n", 1)[0] ?? ""}${names === undefined ? "" : ` ${names}`})`,
      {
        cause: error,
      },
    );
  if (/ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code))
    return new ExportError("ERR_EXPORT_TLS", `${who}: one side speaks TLS and the other does not`, {
      cause: error,
    });
  if (UNREACHABLE.test(code))
    return new ExportError("ERR_EXPORT_UNREACHABLE", `${who} cannot be reached: ${message}`, {
      cause: error,
    });
  return new ExportError("ERR_EXPORT_TLS", `${who}: TLS failed: ${message}`, { cause: error });
}
