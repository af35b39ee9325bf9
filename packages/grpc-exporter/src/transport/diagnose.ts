import { connect as connectTcp, isIP } from "node:net";
import { checkServerIdentity, connect as connectTls, type SecureContextOptions } from "node:tls";
import { ExportError } from "../errors.ts";
import { formatTarget, type Target } from "./loopback.ts";
import { explainTlsError } from "./tls-errors.ts";

/** With TLS 1.3 a server says only after the handshake that it does not want this client: time for it to say so. */
const AFTER_HANDSHAKE = 500;
const MOST_TIME = 5_000;

/**
 * Why a collector cannot be reached: a connection of its own, because gRPC keeps the codes of errors to itself.
 * Undefined if the connection works.
 */
export async function diagnoseConnection(
  target: Target,
  tls: SecureContextOptions | undefined,
): Promise<ExportError | undefined> {
  const error = await tryToConnect(target, tls);
  if (error !== undefined || tls !== undefined || !(await speaksTls(target))) return error;
  return new ExportError(
    "ERR_EXPORT_TLS",
    `${formatTarget(target)} speaks TLS, and this side plaintext; name the file of its certificate's authority`,
  );
}

/** Whether somebody answers the first message of TLS as TLS does: with a handshake, or an alert. */
async function speaksTls(target: Target): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // Nothing is said on this connection, so it does not matter to whom.
  const socket = connectTls({ ...target, ALPNProtocols: ["h2"], rejectUnauthorized: false });
  const timer = setTimeout(resolve, MOST_TIME, false);
  // Ended in good order: a client that hangs up in the middle is one that does not trust the certificate.
  socket.once("secureConnect", () => {
    socket.end(() => {
      resolve(true);
    });
  });
  socket.once("error", ({ code = "" }: NodeJS.ErrnoException) => {
    resolve(code.includes("ALERT"));
  });
  socket.once("close", () => {
    resolve(false);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.on("error", () => undefined);
    socket.destroy();
  }
}

async function tryToConnect(
  target: Target,
  tls: SecureContextOptions | undefined,
): Promise<ExportError | undefined> {
  const who = formatTarget(target);
  const { promise, resolve } = Promise.withResolvers<ExportError | undefined>();
  const socket =
    tls === undefined
      ? connectTcp(target)
      : connectTls({
          ...tls,
          ...target,
          ALPNProtocols: ["h2"],
          ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
          checkServerIdentity: (_host, certificate) => checkServerIdentity(target.host, certificate),
        });
  let secured = false;
  const timer = setTimeout(() => {
    resolve(new ExportError("ERR_EXPORT_TIMEOUT", `${who} does not answer`));
  }, MOST_TIME);
  let settled: NodeJS.Timeout | undefined;
  socket.once("error", (error: NodeJS.ErrnoException) => {
    const hungUp = secured && error.code === "ECONNRESET";
    resolve(hungUp ? notAccepted(who, tls) : explainTlsError(who, error));
  });
  socket.once("close", () => {
    if (secured) resolve(notAccepted(who, tls));
  });
  socket.once(tls === undefined ? "connect" : "secureConnect", () => {
    secured = tls !== undefined;
    settled = setTimeout(resolve, AFTER_HANDSHAKE, undefined);
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(settled);
    socket.on("error", () => undefined);
    socket.destroy();
  }
}

/** Hanging up right after the handshake is what servers do that do not like the client's certificate. */
function notAccepted(who: string, tls: SecureContextOptions | undefined): ExportError {
  const reason =
    tls?.cert === undefined
      ? "most likely it wants a client certificate, and there is none"
      : "most likely it does not accept the client certificate; its own messages say why";
  return new ExportError(
    "ERR_EXPORT_CERTIFICATE_CLIENT",
    `${who} hangs up after the TLS handshake: ${reason}`,
  );
}
