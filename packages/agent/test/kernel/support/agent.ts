import { spawn, type ChildProcessByStdio, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { fromJson, type TapRecord } from "@tcptracker/events";
import { until, within } from "./until.ts";

/** The command, as the build made it. */
export const COMMAND = fileURLToPath(new URL("../../../bin/tcptracker.js", import.meta.url));

export interface AgentOptions {
  /** Default: this Node.js. */
  readonly program?: string;
  /** Arguments before the command. */
  readonly prefix?: readonly string[];
  /** Default: {@link COMMAND}. */
  readonly command?: string;
  readonly spawn?: Pick<SpawnOptions, "cwd" | "env">;
}

/** How a command ended. */
export interface AgentResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A `tcptracker` process. It is killed at the end of its scope if it still runs. */
export class Agent implements AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #ended: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #stdout: Buffer[] = [];
  #stderr = "";

  constructor(args: readonly string[], options: AgentOptions = {}) {
    const { program = process.execPath, prefix = [], command = COMMAND } = options;
    this.child = spawn(program, [...prefix, command, ...args], {
      ...options.spawn,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr.setEncoding("utf8").on("data", (chunk: string) => (this.#stderr += chunk));
    this.#ended = once(this.child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  }

  /** Runs `tcptracker tap` and resolves when it taps. */
  static async tapping(args: readonly string[] = [], options: AgentOptions = {}): Promise<Agent> {
    const agent = new Agent(["tap", ...args], options);
    const { child } = agent;
    await until("the agent taps", () => agent.stderr.includes("tapping") || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}: ${agent.stderr}`);
    return agent;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("the agent was not started");
    return this.child.pid;
  }

  get stdout(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The records so far; throws for anything on standard output that is not one. */
  records(): TapRecord[] {
    // The part after the last line break is still being written.
    return this.stdout.split("\n").slice(0, -1).map(fromJson);
  }

  /** Waits until it ends by itself. */
  async ended(seconds = 20): Promise<AgentResult> {
    const [code, signal] = await within("the agent ends", this.#ended, seconds);
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }

  async stop(signal: NodeJS.Signals = "SIGINT"): Promise<AgentResult> {
    this.child.kill(signal);
    return await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.#ended;
  }
}
