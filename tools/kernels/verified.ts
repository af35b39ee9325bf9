// How many instructions the verifier walks through for each program on each kernel: what decides whether it loads, and how long that takes.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compareReleases } from "./kernels.ts";

/** One line of what guest/load.guest.ts writes. */
export interface VerifiedLine {
  /** E.g. `kprobe.ringbuf`. */
  readonly object: string;
  readonly program: string;
  readonly instructions: number;
}

/** The first kernel that tells. */
const FIRST_TO_TELL = "5.16";

/** Kernel and architecture -> object -> program -> instructions; without the kernels that do not tell. */
export type Verified = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;

/** Growth beyond this is a failure: at a million instructions the verifier gives up. */
const ALLOWED_GROWTH = 1.2;

/** Small programs grow by a few instructions without meaning. */
const NEGLIGIBLE = 1000;

const FILE = join(import.meta.dirname, "verified-instructions.json");

export function readVerified(file: string = FILE): Verified {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Verified) : {};
}

export function parseVerified(text: string): VerifiedLine[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as VerifiedLine);
}

/** Says what has grown by more than is allowed since it was recorded, or was not recorded. */
export function findGrowth(recorded: Verified, kernel: string, lines: readonly VerifiedLine[]): string[] {
  return lines.flatMap(({ object, program, instructions }) => {
    const before = recorded[kernel]?.[object]?.[program];
    if (before === undefined)
      return [`${object} ${program}: ${instructions} verified instructions, none recorded (--record does)`];
    if (instructions <= Math.max(before * ALLOWED_GROWTH, before + NEGLIGIBLE)) return [];
    return [`${object} ${program}: ${instructions} verified instructions, ${before} recorded`];
  });
}

/**
 * Says that a combination's tests, of these files, gave no numbers on a kernel that tells them: without any, nothing can have grown,
 * and nothing is recorded either.
 */
export function findSilence(
  release: string,
  files: readonly string[],
  lines: readonly VerifiedLine[],
): string[] {
  if (!files.includes("load") || lines.length > 0) return [];
  if (compareReleases(release, FIRST_TO_TELL) < 0) return [];
  return [`the load test gave no verified instructions, though kernels from ${FIRST_TO_TELL} on tell them`];
}

/** Puts new numbers over old ones: a run may have looked at some kernels and objects only. */
export function mergeVerified(recorded: Verified, kernel: string, lines: readonly VerifiedLine[]): Verified {
  const merged: Record<string, Record<string, Record<string, number>>> = structuredClone(recorded);
  for (const { object, program, instructions } of lines)
    ((merged[kernel] ??= {})[object] ??= {})[program] = instructions;
  return merged;
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true })),
  );
}

export function writeVerified(verified: Verified, file: string = FILE): void {
  const ordered = Object.entries(sorted(verified)).map(([kernel, objects]) => [
    kernel,
    Object.fromEntries(
      Object.entries(sorted(objects)).map(([object, programs]) => [object, sorted(programs)]),
    ),
  ]);
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(ordered), undefined, 2)}\n`);
}
