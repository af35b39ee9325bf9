import { invalidArgument } from "./errors.ts";

const U32_MAX = 2 ** 32 - 1;

/** A non-empty string that C can hold. */
export function checkString(operation: string, what: string, value: string): void {
  if (typeof value !== "string" || value === "")
    throw invalidArgument(operation, `${what} is no non-empty string`);
  if (value.includes("\0")) throw invalidArgument(operation, `${what} contains a NUL character`);
}

export function checkUint(operation: string, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidArgument(operation, `${what} is ${String(value)}, not a non-negative integer`);
  }
}

export function checkUint32(operation: string, what: string, value: number): void {
  checkUint(operation, what, value);
  if (value > U32_MAX) throw invalidArgument(operation, `${what} is ${value}, more than ${U32_MAX}`);
}

export function checkPositive(operation: string, what: string, value: number): void {
  checkUint32(operation, what, value);
  if (value === 0) throw invalidArgument(operation, `${what} is 0`);
}

export function checkBytes(operation: string, what: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array)) throw invalidArgument(operation, `${what} is no Uint8Array`);
}
