import { parseArgs } from "node:util";
import type { ClientOptions } from "./client.ts";

/** The text of `--help`. */
export const help = `usage: tcptracker-demo-http-client --url URL [options]

Asks a server for one thing after another and checks every answer.

  --url URL          server to ask; may be given several times           (DEMO_URL, several with commas)
  --rate N           requests per second, default 4                      (DEMO_RATE)
  --duration TIME    stop after 500ms, 5s, 2m; default: when told        (DEMO_DURATION)
  --requests N       stop after N requests; default: when told           (DEMO_REQUESTS)
  --no-keep-alive    a new connection for each request                   (DEMO_KEEP_ALIVE=0)
  --keep-alive       connections for many requests: the default
  --wait TIME        how long to wait for a server to come up, default 15s (DEMO_WAIT)
  --help             print this

One line for each request, and a last line of JSON: {"requests":N,"byPath":{...},"failed":0}
Exit codes: 0 every answer was right, 1 some were not, 2 wrong usage.
`;

/** A command line or environment that makes no sense; the message is for the user. */
export class UsageError extends Error {
  readonly code = "USAGE";
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Node's timers hold no longer time than this, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

function parseDuration(name: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (units[match[2] ?? ""] ?? Number.NaN);
  if (!(value > 0 && value <= MAX_TIMER_MS)) {
    throw new UsageError(`${name} takes a time such as 500ms, 5s or 2m, not "${text}"`);
  }
  return value;
}

function parseRate(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0.001 && value <= 10_000)) {
    throw new UsageError(`--rate takes a number from 0.001 to 10000, not "${text}"`);
  }
  return value;
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,11}$/.test(text))
    throw new UsageError(`--requests takes a number from 1 on, not "${text}"`);
  return Number(text);
}

function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "http:") throw new UsageError(`"${text}" is no http URL`);
  return text;
}

function parseSwitch(name: string, text: string): boolean {
  if (["0", "false", "no"].includes(text)) return false;
  if (["1", "true", "yes"].includes(text)) return true;
  throw new UsageError(`${name} must be 1 or 0, not "${text}"`);
}

/**
 * Reads the command line and the DEMO_* variables; the command line wins, and an empty variable is as good as none.
 *
 * @returns the options, or "help"
 * @throws UsageError
 */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv): ClientOptions | "help" {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      allowNegative: true,
      options: {
        url: { type: "string", multiple: true },
        rate: { type: "string" },
        duration: { type: "string" },
        requests: { type: "string" },
        wait: { type: "string" },
        "keep-alive": { type: "boolean" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help === true) return "help";
  const urls = values.url ?? (env["DEMO_URL"] ?? "").split(",").filter((url) => url !== "");
  if (urls.length === 0) throw new UsageError("--url is missing");
  const duration = values.duration ?? (env["DEMO_DURATION"] || undefined);
  const requests = values.requests ?? (env["DEMO_REQUESTS"] || undefined);
  const wait = values.wait ?? (env["DEMO_WAIT"] || undefined);
  return {
    urls: urls.map(parseUrl),
    rate: parseRate(values.rate ?? (env["DEMO_RATE"] || "4")),
    keepAlive: values["keep-alive"] ?? parseSwitch("DEMO_KEEP_ALIVE", env["DEMO_KEEP_ALIVE"] || "1"),
    ...(duration === undefined ? {} : { durationMs: parseDuration("--duration", duration) }),
    ...(requests === undefined ? {} : { requests: parseCount(requests) }),
    ...(wait === undefined ? {} : { startTimeoutMs: parseDuration("--wait", wait) }),
  };
}
