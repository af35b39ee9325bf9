import { release, version } from "node:os";

/** Which kinds of programs this kernel may preempt in the middle. Kprobes never are. */
export interface Preemption {
  /** fexit programs. */
  readonly trampolines: boolean;
  /** Programs on tracepoints. */
  readonly tracepoints: boolean;
}

/** From this release on, tracepoints call their programs with preemption on. */
const PREEMPTIBLE_TRACEPOINTS = [6, 19] as const;

/**
 * Judged by what the kernel says of itself, because there is no way to try it. Being wrong costs either the second
 * copies of the hooks or records that are counted as missed runs.
 *
 * @param kernelRelease - as `uname -r` prints it
 * @param kernelVersion - as `uname -v` prints it
 */
export function preemption(kernelRelease: string = release(), kernelVersion: string = version()): Preemption {
  const [major = 0, minor = 0] = kernelRelease.split(".").map(Number);
  const [sinceMajor, sinceMinor] = PREEMPTIBLE_TRACEPOINTS;
  const trampolines = /\bPREEMPT/.test(kernelVersion);
  const isNew = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
  return { trampolines, tracepoints: trampolines && isNew };
}
