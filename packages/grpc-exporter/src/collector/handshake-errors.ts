import { ExportError, type ExportErrorCode } from "../errors.ts";

/** The first byte of what a TLS client sends. */
export const HANDSHAKE_RECORD = 0x16;

/** What a client's alert, or OpenSSL's complaint about it, means to who shows the certificate. */
const MEANINGS: readonly (readonly [RegExp, ExportErrorCode, string])[] = [
  [
    /ALERT_CERTIFICATE_EXPIRED/,
    "ERR_EXPORT_CERTIFICATE_EXPIRED",
    "finds the certificate that this collector shows expired; renew it, or correct the clock there",
  ],
  [
    /ALERT_UNKNOWN_CA/,
    "ERR_EXPORT_CERTIFICATE_ISSUER",
    "does not know the authority of the certificate that this collector shows",
  ],
  [
    /ALERT_(?:BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)/,
    "ERR_EXPORT_TLS",
    "does not accept the certificate that this collector shows",
  ],
  [
    /PEER_DID_NOT_RETURN_A_CERTIFICATE/,
    "ERR_EXPORT_CERTIFICATE_CLIENT",
    "has no client certificate, and this collector wants one",
  ],
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE/,
    "ERR_EXPORT_TLS",
    "does not speak TLS, and this collector speaks nothing else",
  ],
  [
    /UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW/,
    "ERR_EXPORT_TLS",
    "knows no version of TLS that this collector takes (1.2 and 1.3)",
  ],
  [
    /ECONNRESET|EPIPE/,
    "ERR_EXPORT_TLS",
    "hangs up during the TLS handshake: most likely it does not trust the certificate that this collector shows; its own messages say why",
  ],
];

/** Why a client of TLS gets nowhere where there is none. */
export function wantsTls(peer: string): ExportError {
  return new ExportError("ERR_EXPORT_TLS", `${peer} speaks TLS, and this collector plaintext`);
}

/** Why a client got no further than the handshake. */
export function explainHandshake(
  peer: string,
  error: NodeJS.ErrnoException & { readonly reason?: string },
): ExportError {
  // OpenSSL's message has places in its sources; its reason has not.
  const detail = error.reason ?? error.message.split("\n", 1)[0] ?? "";
  const found = MEANINGS.find(([pattern]) => pattern.test(error.code ?? ""));
  const [, code, meaning] = found ?? [undefined, "ERR_EXPORT_TLS" as const, "fails in the TLS handshake"];
  return new ExportError(code, `${peer} ${meaning} (${detail})`, { cause: error });
}
