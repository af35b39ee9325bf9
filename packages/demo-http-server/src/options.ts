import { isIP } from "node:net";
import { parseArgs } from "node:util";
import type { ServerOptions } from "./server.ts";

/** The text of `--help`. */
export const help = `usage: tcptracker-demo-http-server [options]

A small HTTP server with a few routes: /  /api/items  /api/echo  /large  /chunked  /slow  /healthz

  --port PORT   port to listen on; 0, the default, takes a free one     (DEMO_PORT)
  --host HOST   IP address to listen on, default 127.0.0.1              (DEMO_HOST)
  --ipv6        listen on IPv6 too: ::1, or :: when the host is 0.0.0.0 (DEMO_IPV6=1)
  --help        print this

It prints one line "listening on URL" for each address and ends at SIGINT or SIGTERM.
`;

/** A command line or environment that makes no sense; the message is for the user. */
export class UsageError extends Error {
  readonly code = "USAGE";
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`the port must be a number from 0 to 65535, not "${text}"`);
  return port;
}

function parseSwitch(name: string, text: string | undefined): boolean {
  if (text === undefined || ["", "0", "false", "no"].includes(text)) return false;
  if (["1", "true", "yes"].includes(text)) return true;
  throw new UsageError(`${name} must be 1 or 0, not "${text}"`);
}

/**
 * Reads the command line and the DEMO_* variables; the command line wins.
 *
 * @returns the options, or "help"
 * @throws UsageError
 */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv): ServerOptions | "help" {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        port: { type: "string" },
        host: { type: "string" },
        ipv6: { type: "boolean" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) return "help";
  const host = values.host ?? (env["DEMO_HOST"] || "127.0.0.1");
  if (isIP(host) === 0) throw new UsageError(`the host must be an IP address, not "${host}"`);
  return {
    port: parsePort(values.port ?? (env["DEMO_PORT"] || "0")),
    host,
    ipv6: values.ipv6 ?? parseSwitch("DEMO_IPV6", env["DEMO_IPV6"]),
  };
}
