import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

/** Resolves when `look` says so; rejects when it does not in time. */
export async function until(what: string, look: () => boolean, seconds = 60): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(20);
  }
}

/** A program that is watched: what it says, and how much memory it takes. */
export class Watched {
  static readonly #all = new Set<Watched>();

  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #closed: Promise<unknown>;
  readonly #sampler: NodeJS.Timeout;
  #said = "";
  #errors = "";
  #peakKiB = 0;
  #residentKiB = 0;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#said += text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.#closed = once(this.#child, "close").finally(() => Watched.#all.delete(this));
    Watched.#all.add(this);
    this.#sampler = setInterval(() => {
      this.#sample();
    }, 200);
  }

  /** Ends those that still run. */
  static async killAll(): Promise<void> {
    await Promise.all([...Watched.#all].map((each) => each.end("SIGKILL")));
  }

  get said(): string {
    return this.#said;
  }

  get errors(): string {
    return this.#errors;
  }

  /** The most resident memory so far. */
  get peakMiB(): number {
    return this.#peakKiB / 1024;
  }

  /** Resident memory when it was last looked at: five times a second. */
  get residentMiB(): number {
    return this.#residentKiB / 1024;
  }

  /** Waits for words on either output; rejects when it ends without them. */
  async says(words: string): Promise<void> {
    await this.shows(`'${words}'`, () => this.#said.includes(words) || this.#errors.includes(words));
  }

  /** Waits for something that its output tells; rejects when it ends before, or it takes longer than `seconds`. */
  async shows(what: string, look: () => boolean, seconds?: number): Promise<void> {
    const found = (): boolean => {
      const { exitCode, signalCode } = this.#child;
      if (look()) return true;
      if (exitCode !== null || signalCode !== null) throw new Error(`${what}: it ended: ${this.#errors}`);
      return false;
    };
    await until(what, found, seconds);
  }

  tell(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  async end(signal?: NodeJS.Signals): Promise<void> {
    if (signal !== undefined) this.#child.kill(signal);
    await this.#closed;
    clearInterval(this.#sampler);
  }

  #sample(): void {
    try {
      const status = readFileSync(`/proc/${this.#child.pid ?? 0}/status`, "latin1");
      this.#peakKiB = Math.max(this.#peakKiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
      this.#residentKiB = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? this.#residentKiB);
    } catch {
      // It has ended.
    }
  }
}
