/** Comparing bytes in memory with bytes that are known. */
import type { Assembler } from "./assembler.ts";
import type { Label, Register, Width } from "./instructions.ts";

const WIDTHS: readonly Width[] = [8, 4, 2, 1];

/** Goes on when the memory at base + offset has these bytes, else jumps to `different`. Uses r1 and r5. */
export function expectBytes(
  code: Assembler,
  base: Register,
  offset: number,
  bytes: Uint8Array,
  different: Label,
): void {
  let at = 0;
  while (at < bytes.length) {
    const width = WIDTHS.find((candidate) => candidate <= bytes.length - at) ?? 1;
    code.load(1, base, offset + at, width);
    code.branch(1, "!=", numberAt(bytes, at, width), different);
    at += width;
  }
}

/** The number that a load of `width` bytes finds. */
export function numberAt(bytes: Uint8Array, at: number, width: Width): bigint {
  let value = 0n;
  for (let index = width - 1; index >= 0; index--) value = (value << 8n) | BigInt(bytes[at + index] ?? 0);
  return value;
}
