import { isIP } from "node:net";
import { ExportError } from "../errors.ts";

/** A host and a port. */
export interface Target {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * `HOST:PORT`, `[::1]:PORT`.
 *
 * @throws {@link ExportError} ERR_EXPORT_OPTION for anything else
 */
export function parseTarget(text: string): Target {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65535 || (match?.[1] !== undefined && isIP(host) !== 6))
    throw new ExportError(
      "ERR_EXPORT_OPTION",
      `'${text}' is not HOST:PORT, such as collector.example:4319 or [::1]:4319`,
    );
  return { host, port };
}

/** As a text that {@link parseTarget} takes. */
export function formatTarget({ host, port }: Target): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether nothing that is sent to this host leaves the machine. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name === "::1") return true;
  return isIP(name) === 4 && name.startsWith("127.");
}
