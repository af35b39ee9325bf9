import { readdirSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";

import { describe } from "vitest";

/** Tests that load programs. Not root: skipped, and said so. */
export function describeAsRoot(name: string, body: () => void): void {
  const root = process.geteuid?.() === 0;
  if (!root) console.warn(`skipped: ${name}: needs root`);
  describe.skipIf(!root)(name, body);
}

/** Turns the event loop until the condition holds; fails after the deadline. */
export async function until(condition: () => boolean, what: string, deadlineMs = 20_000): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await nextTurn();
  }
}

export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** The arguments of a raw tracepoint test run. */
export function rawArguments(...values: number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from([...values, 0, 0].slice(0, 2), (value) => BigInt(value)).buffer);
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(value: bigint | number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

export function readU32(bytes: Uint8Array | undefined, offset = 0): number {
  if (bytes === undefined) throw new Error("there is no value");
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

export function readU64(bytes: Uint8Array | undefined, offset = 0): bigint {
  if (bytes === undefined) throw new Error("there is no value");
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true);
}
