import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { buildTraffic } from "./build.ts";
import { PATIENCE } from "./patience.ts";

/** What one end of a connection did, as the program itself counted it. */
export interface EndReport {
  readonly address: string;
  readonly port: number;
  readonly pid: number;
  readonly tid: number;
  /** The other sending thread of the mode `threads`. */
  readonly secondTid?: number;
  /** Bytes that sending calls returned. */
  readonly egress: number;
  /** Bytes taken from the stream: dropped ones (MSG_TRUNC) are, peeked and urgent ones are not. */
  readonly ingress: number;
  /** The same as TCP itself counted it, before the socket was closed; 0 where the scenario does not ask. */
  readonly tcpSent: number;
  readonly tcpReceived: number;
  readonly peeked: number;
  readonly discarded: number;
  readonly urgent: number;
  /** Sending calls that took fewer bytes than they were offered. */
  readonly partial: number;
  /** CRC-32 of the bytes sent; absent where their order is open. */
  readonly egressCrc32?: number;
  /** CRC-32 of the bytes that reached memory. */
  readonly ingressCrc32: number;
  /** Calls that moved bytes (connect, accept, shutdown: that succeeded), by name. */
  readonly calls: Readonly<Record<string, number>>;
  /** Failed calls by name of the error. */
  readonly failed: Readonly<Record<string, number>>;
}

/** One line of the program's output: one connection (churn: the sums of all). */
export interface TrafficReport {
  readonly scenario: string;
  readonly seed: number;
  /** Churn: how many connections. */
  readonly connections?: number;
  /** The mode `other`: bytes moved over what is not TCP. */
  readonly ignored?: number;
  readonly client: EndReport;
  readonly server: EndReport;
}

/** Thrown when the program did not end with 0. */
export class TrafficError extends Error {
  readonly exitCode: number | null;

  constructor(exitCode: number | null, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/**
 * Runs the traffic generator.
 *
 * @param args its options; see `--help`
 * @param atReady called each time it has come to a sync point (`--sync`) and waits; it goes on when the promise resolves
 * @returns one report for each finished scenario
 * @throws TrafficError with its message and exit code (1 failed, 2 wrong usage)
 */
export async function runTraffic(
  args: readonly string[],
  atReady: () => Promise<void> | void = () => undefined,
): Promise<TrafficReport[]> {
  // The program's own limit would otherwise run out while a slow machine loads the programs of a tap.
  const patience = PATIENCE > 1 && !args.includes("--timeout") ? ["--timeout", String(30 * PATIENCE)] : [];
  const child = spawn(buildTraffic(), [...patience, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const exit = once(child, "close");
  const reports: TrafficReport[] = [];
  let message = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (message += text));
  child.stdin.on("error", () => undefined); // it may be gone before it reads; the exit code tells
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "ready") {
        await atReady();
        child.stdin.write("\n");
      } else {
        reports.push(JSON.parse(line) as TrafficReport);
      }
    }
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const [exitCode] = (await exit) as [number | null];
  if (exitCode !== 0) throw new TrafficError(exitCode, message.trim() || `traffic ended with ${exitCode}`);
  return reports;
}
