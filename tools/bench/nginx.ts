// What a tap costs a web server: requests per second of a saturated nginx, tapped in several ways, as a ratio to the
// untapped server in the same round. `npm run bench:nginx` (as root); needs nginx, wrk and tcpdump.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

const ROOT = dirname(dirname(import.meta.dirname));
const COMMAND = join(ROOT, "packages/agent/bin/tcptracker.js");
const BODY_BYTES = 4096;

interface Tapping {
  readonly name: string;
  /** Starts the tap and resolves when it taps. */
  readonly start: (port: number) => Promise<ChildProcess | undefined>;
}

async function startUntil(program: string, args: readonly string[], ready: RegExp): Promise<ChildProcess> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: child.stderr })) if (ready.test(line)) break;
  child.stderr.resume();
  return child;
}

function tcptracker(...args: readonly string[]): Tapping["start"] {
  return () => startUntil(process.execPath, [COMMAND, "tap", "--json", ...args], /tapping/);
}

/** Decodes every record and does nothing with it: the tap without what its output costs. */
const DISCARD = `
import { Tap } from "@tcptracker/agent";
const tap = Tap.start();
process.on("SIGINT", () => void tap.stop());
console.error("tapping");
for await (const records of tap.batches()) void records;
`;

const TAPPINGS: readonly Tapping[] = [
  { name: "untapped", start: () => Promise.resolve(undefined) },
  {
    name: "Tap, records discarded",
    start: () => startUntil(process.execPath, ["--input-type=module", "--eval", DISCARD], /tapping/),
  },
  { name: "tcptracker --json -s 0", start: tcptracker("--snaplen", "0") },
  { name: "tcptracker --json", start: tcptracker() },
  {
    name: "tcpdump -s0 -w",
    start: (port) =>
      startUntil("tcpdump", ["-i", "lo", "-s0", "-w", "/dev/null", "port", String(port)], /listening on/),
  },
];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function configuration(directory: string, port: number): string {
  return `daemon off; worker_processes 1; pid ${directory}/pid; error_log stderr error;
events { worker_connections 256; }
http { access_log off; sendfile off; keepalive_requests 1000000;
  server { listen 127.0.0.1:${port}; root ${directory}; } }`;
}

/** Requests per second over `seconds`, as wrk counts them. */
function load(port: number, connections: number, seconds: number): number {
  const args = ["-t1", `-c${connections}`, `-d${seconds}s`, `http://127.0.0.1:${port}/body`];
  const output = execFileSync("wrk", args, { encoding: "utf8" });
  const rate = /Requests\/sec:\s*([\d.]+)/.exec(output)?.[1];
  if (rate === undefined) throw new Error(`wrk printed no rate:\n${output}`);
  return Number(rate);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "16" },
  },
});
const directory = mkdtempSync(join(tmpdir(), "tcptracker-bench-"));
const port = await freePort();
writeFileSync(join(directory, "body"), "x".repeat(BODY_BYTES));
writeFileSync(join(directory, "nginx.conf"), configuration(directory, port));
execFileSync("chmod", ["-R", "a+rX", directory]);
const nginx = spawn("nginx", ["-c", join(directory, "nginx.conf")], { stdio: "inherit" });
await delay(500);
const ratios = new Map(TAPPINGS.map(({ name }) => [name, [] as number[]]));
try {
  load(port, Number(values.connections), 1);
  for (let round = 0; round < Number(values.rounds); round++) {
    let base = Number.NaN;
    for (const { name, start } of TAPPINGS) {
      const tap = await start(port);
      const rate = load(port, Number(values.connections), Number(values.seconds));
      if (tap === undefined) base = rate;
      else {
        tap.kill("SIGINT");
        await once(tap, "exit");
      }
      ratios.get(name)?.push(rate / base);
    }
  }
} finally {
  nginx.kill("SIGQUIT");
  await once(nginx, "exit");
  rmSync(directory, { recursive: true });
}
console.log(`nginx, ${BODY_BYTES} B responses, ${values.connections} connections, ${values.rounds} rounds:`);
console.log("requests per second as a ratio to the untapped server, median (lowest to highest)");
for (const [name, list] of ratios)
  console.log(
    `${name.padEnd(26)} ${median(list).toFixed(2)} (${Math.min(...list).toFixed(2)} to ${Math.max(...list).toFixed(2)})`,
  );
