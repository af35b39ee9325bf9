// An nginx under load, what taps it, and what that is to it.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

export const ROOT: string = dirname(dirname(import.meta.dirname));
export const BODY_BYTES = 4096;

/** A way to tap the server, or none. */
export interface Tapping {
  readonly name: string;
  /** Starts the tap and resolves when it taps. */
  readonly start: (port: number) => Promise<ChildProcess | undefined>;
}

/** How much load, and how often. */
export interface LoadOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
}

/** What came of one tapping. */
export interface TappedLoad {
  /** Requests per second as a ratio to the untapped server of the same round. */
  readonly ratios: number[];
  /** CPU time that the tap took, as a part of one CPU. */
  readonly busy: number[];
}

/** Starts a program and resolves when it has printed a line such as `ready`. */
export async function startUntil(
  program: string,
  args: readonly string[],
  ready: RegExp,
): Promise<ChildProcess> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  for await (const line of createInterface({ input: child.stderr })) if (ready.test(line)) break;
  child.stderr.resume();
  return child;
}

/** Runs `tcptracker tap` with these arguments. */
export function tcptracker(...args: readonly string[]): Tapping["start"] {
  const command = join(ROOT, "packages/agent/bin/tcptracker.js");
  return () => startUntil(process.execPath, [command, "tap", "--json", ...args], /tapping/);
}

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

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Seconds of CPU time that a process has taken. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Loads an nginx of its own with each tapping in turn, round after round; the first one must be none. */
export async function loadTapped(
  tappings: readonly Tapping[],
  { rounds, seconds, connections }: LoadOptions,
): Promise<ReadonlyMap<string, TappedLoad>> {
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-bench-"));
  const port = await freePort();
  writeFileSync(join(directory, "body"), "x".repeat(BODY_BYTES));
  writeFileSync(join(directory, "nginx.conf"), configuration(directory, port));
  execFileSync("chmod", ["-R", "a+rX", directory]);
  const nginx = spawn("nginx", ["-c", join(directory, "nginx.conf")], { stdio: "inherit" });
  await delay(500);
  const results = new Map<string, TappedLoad>(tappings.map(({ name }) => [name, { ratios: [], busy: [] }]));
  try {
    load(port, connections, 1);
    for (let round = 0; round < rounds; round++) {
      let base = Number.NaN;
      for (const { name, start } of tappings) {
        const tap = await start(port);
        const before = tap?.pid === undefined ? 0 : cpuSeconds(tap.pid);
        const rate = load(port, connections, seconds);
        const result = results.get(name);
        if (tap === undefined) base = rate;
        else {
          if (tap.pid !== undefined) result?.busy.push((cpuSeconds(tap.pid) - before) / seconds);
          tap.kill("SIGINT");
          await once(tap, "exit");
        }
        result?.ratios.push(rate / base);
      }
    }
  } finally {
    nginx.kill("SIGQUIT");
    await once(nginx, "exit");
    rmSync(directory, { recursive: true });
  }
  return results;
}

/** One line for each tapping: the median, and the lowest and the highest. */
export function printLoad(
  results: ReadonlyMap<string, TappedLoad>,
  { connections, rounds }: LoadOptions,
): void {
  console.log(`nginx, ${BODY_BYTES} B responses, ${connections} connections, ${rounds} rounds:`);
  console.log(
    "requests per second as a ratio to the untapped server, median (lowest to highest); CPU time of the tap",
  );
  for (const [name, { ratios, busy }] of results) {
    const range = `(${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;
    const cpu = busy.length === 0 ? "" : `  ${(100 * median(busy)).toFixed(1)} % of a CPU`;
    console.log(`${name.padEnd(44)} ${median(ratios).toFixed(2)} ${range}${cpu}`);
  }
}
