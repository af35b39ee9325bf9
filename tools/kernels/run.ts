// Starts other programs: always with a limit, always with what they said when they fail.
import { spawnSync } from "node:child_process";

export class KernelsError extends Error {}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  /** Default 300. */
  readonly seconds?: number;
}

/** Runs a program to its end and gives what it wrote to standard output. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): string {
  const { cwd, env = process.env, input, seconds = 300 } = options;
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env,
    input,
    encoding: "utf8",
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
    maxBuffer: 256 * 1024 * 1024,
  });
  const line = [command, ...args].join(" ").slice(0, 300);
  if (error !== undefined) throw new KernelsError(`${line}: ${error.message}`);
  if (status !== 0)
    throw new KernelsError(`${line} ended with ${signal ?? status}:\n${(stderr || stdout).trim()}`);
  return stdout;
}
