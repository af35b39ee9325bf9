/** The programs that a workload runs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./until.ts";

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** A file to read as standard input; default: nothing. */
  readonly input?: string;
}

/** How long a program may take to end when it is asked to, in seconds. */
const PATIENCE = 10;

/** A running program; what it prints goes to a file. */
export class Child {
  readonly name: string;
  /** Standard output and standard error. */
  readonly log: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #failure: Error | undefined;
  #gone = false;

  constructor(program: string, args: readonly string[], log: string, options: ChildOptions) {
    const { input = "/dev/null", env, ...rest } = options;
    this.name = program;
    this.log = log;
    const stdin = openSync(input, "r");
    const output = openSync(log, "w");
    // A process group of its own, so that what it leaves behind can be ended as well.
    this.#process = spawn(program, args, {
      ...rest,
      env: { ...process.env, LC_ALL: "C", ...env },
      detached: true,
      stdio: [stdin, output, output],
    });
    closeSync(stdin);
    closeSync(output);
    this.#process.on("error", (error) => (this.#failure = error));
    this.#ended = once(this.#process, "exit").catch(() => undefined);
  }

  get hasEnded(): boolean {
    const { exitCode, signalCode } = this.#process;
    return this.#failure !== undefined || exitCode !== null || signalCode !== null;
  }

  output(): string {
    return readFileSync(this.log, "latin1");
  }

  /** What it has printed; throws if it has ended, which it should not have yet. */
  failIfEnded(): string {
    if (this.hasEnded) throw new Error(`${this.#howItEnded()}: ${this.#lastWords()}`);
    return this.output();
  }

  /** Waits until it ends by itself; rejects unless its exit code is one of these. */
  async succeed(seconds: number, codes: readonly number[] = [0]): Promise<string> {
    await until(`${this.name} ends`, () => this.hasEnded, seconds);
    this.kill();
    if (this.#failure !== undefined) throw this.#failure;
    const { exitCode } = this.#process;
    if (exitCode === null || !codes.includes(exitCode))
      throw new Error(`${this.#howItEnded()}: ${this.#lastWords()}`);
    return this.output();
  }

  /** Asks it to end, then makes it and everything that it started. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.hasEnded) this.#process.kill(signal);
    try {
      await until(`${this.name} ends`, () => this.hasEnded, PATIENCE);
    } catch {
      // Then by force.
    }
    this.kill();
    if (this.#failure === undefined) await this.#ended;
  }

  /** Ends it and everything that it started, at once. */
  kill(): void {
    const { pid } = this.#process;
    // Only once: later the number may be that of somebody else.
    if (pid === undefined || this.#gone) return;
    this.#gone = true;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nothing of the group is left.
    }
  }

  #howItEnded(): string {
    const { exitCode, signalCode } = this.#process;
    return `${this.name} ended with ${this.#failure?.message ?? exitCode ?? signalCode}`;
  }

  #lastWords(): string {
    return this.output().slice(-2000).trim();
  }
}

/** All programs of a workload: ended, the last one first, when the workload is over. */
export class Children implements AsyncDisposable {
  readonly #directory: string;
  readonly #children: Child[] = [];

  constructor(directory: string) {
    this.#directory = directory;
  }

  start(program: string, args: readonly string[], options: ChildOptions = {}): Child {
    const name = program.slice(program.lastIndexOf("/") + 1);
    const log = join(this.#directory, `${String(this.#children.length).padStart(2, "0")}-${name}.log`);
    const child = new Child(program, args, log, options);
    this.#children.push(child);
    return child;
  }

  killAll(): void {
    for (const child of this.#children) child.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.toReversed()) await child.end();
  }
}
