import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  createSecureContext,
  getCACertificates,
  rootCertificates,
  type SecureContextOptions,
} from "node:tls";
import { ExportError } from "../errors.ts";

/** Files in PEM that TLS is made from. */
export interface TlsFiles {
  /** Certificates of the authorities to trust. */
  readonly ca?: string;
  /** The own certificate, with those between it and its authority. */
  readonly cert?: string;
  /** The private key of the own certificate. */
  readonly key?: string;
}

/** What the files hold, checked. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  /** Equal for equal contents. */
  readonly fingerprint: string;
}

/** The authorities that this system trusts; Node.js's own list where it has none. */
function systemRoots(): string[] {
  const roots = getCACertificates("system");
  return roots.length > 0 ? roots : [...rootCertificates];
}

/**
 * Reads the files and checks that they can be used together.
 *
 * `defaultRoots`: trust what the system trusts when there is no `ca`.
 *
 * @throws {@link ExportError} ERR_EXPORT_FILE, ERR_EXPORT_KEY_MISMATCH, or ERR_EXPORT_OPTION for a certificate without a key
 */
export function readTlsFiles(files: TlsFiles, defaultRoots: boolean): TlsMaterial {
  if ((files.cert === undefined) !== (files.key === undefined))
    throw new ExportError("ERR_EXPORT_OPTION", "a certificate needs its key, and a key its certificate");
  const [ca, cert, key] = [
    read("the authorities' certificates", files.ca),
    read("the certificate", files.cert),
    read("the key", files.key),
  ];
  const options: SecureContextOptions = {
    minVersion: "TLSv1.2",
    ...(ca === undefined ? (defaultRoots ? { ca: systemRoots() } : {}) : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----"))
    throw new ExportError("ERR_EXPORT_FILE", `${files.ca ?? ""} has no certificate in PEM`);
  try {
    createSecureContext(options);
  } catch (error) {
    throw contextError(files, error);
  }
  const hash = createHash("sha256");
  for (const content of [ca, cert, key]) hash.update(`${content?.length ?? 0}:`).update(content ?? "");
  return { options, fingerprint: hash.digest("hex") };
}

function read(what: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExportError("ERR_EXPORT_FILE", `cannot read ${what}: ${reason}`, { cause: error });
  }
}

function contextError({ ca, cert, key }: TlsFiles, cause: unknown): ExportError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH")
    return new ExportError(
      "ERR_EXPORT_KEY_MISMATCH",
      `the key ${key ?? ""} does not belong to the certificate ${cert ?? ""}`,
      { cause },
    );
  const names = [ca, cert, key].filter((name) => name !== undefined).join(", ");
  return new ExportError("ERR_EXPORT_FILE", `one of ${names} is not what it should be: ${message}`, {
    cause,
  });
}

/**
 * The token in a file: its first line, without white space around it.
 *
 * @throws {@link ExportError} ERR_EXPORT_FILE for a file that cannot be read, or has no token of printable characters
 */
export function readTokenFile(path: string): string {
  const token = (read("the token", path) ?? "").split("\n", 1)[0]?.trim() ?? "";
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new ExportError("ERR_EXPORT_FILE", `${path} has no token: one line of printable characters`);
  return token;
}
