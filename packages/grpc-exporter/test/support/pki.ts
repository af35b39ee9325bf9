/**
 * Files of certificates for tests, good and bad ones.
 *
 *   node pki.ts DIRECTORY    writes them there
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificate } from "./certificates.ts";

const HOSTS = ["localhost", "127.0.0.1", "::1"];

/**
 * Writes `ca.pem`, `server`, `expired`, `misnamed`, `client` and `impostor` (of `other-ca.pem`) as `NAME.pem` and
 * `NAME-key.pem` into a directory, and returns it.
 */
export function makePki(directory: string = mkdtempSync(join(tmpdir(), "tcptracker-pki-"))): string {
  mkdirSync(directory, { recursive: true });
  const issuer = makeCertificate({ name: "authority" });
  const other = makeCertificate({ name: "other authority" });
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  };
  write("ca.pem", issuer.cert);
  write("ca-key.pem", issuer.key);
  write("other-ca.pem", other.cert);
  const identities = [
    makeCertificate({ name: "server", hosts: HOSTS, issuer }),
    makeCertificate({ name: "expired", hosts: HOSTS, issuer, days: -1 }),
    makeCertificate({ name: "misnamed", hosts: ["collector.invalid"], issuer }),
    makeCertificate({ name: "client", issuer }),
    makeCertificate({ name: "impostor", hosts: HOSTS, issuer: other }),
  ];
  for (const { name, cert, key } of identities) {
    write(`${name}.pem`, cert);
    write(`${name}-key.pem`, key);
  }
  return directory;
}

if (import.meta.main) makePki(process.argv[2]);
