import { invalidArgument, type BpfError } from "./errors.ts";
import type { NativeVariable } from "./native.ts";

/** A global variable of an object, from its BTF. */
export interface BpfVariable {
  readonly name: string;
  /** The ELF section, e.g. ".rodata", ".data", ".bss". */
  readonly section: string;
  /** Bytes from the start of the section. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** What it holds: an integer (or enum), a bool, or anything else as bytes. */
  readonly kind: "signed" | "unsigned" | "bool" | "bytes";
}

/** What a variable can be set to: numbers and bigints for integers, bytes (of exactly its size) for anything. */
export type BpfVariableValue = number | bigint | boolean | Uint8Array;

const integerSizes = new Set([1, 2, 4, 8]);

function range(variable: NativeVariable): [bigint, bigint] {
  const bits = BigInt(variable.size * 8);
  if (variable.kind === "bool") return [0n, 1n];
  return variable.kind === "signed"
    ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n]
    : [0n, (1n << bits) - 1n];
}

function describe(variable: NativeVariable): string {
  const type = variable.kind === "bytes" ? "no integer" : `${variable.kind}, ${variable.size * 8} bits`;
  return `${variable.name} (${type}, ${variable.size} bytes in ${variable.section})`;
}

/** The bytes to store, little or big endian as the machine is. Throws when the value does not fit. */
export function encodeVariable(
  operation: string,
  variable: NativeVariable,
  value: BpfVariableValue,
): Uint8Array {
  const refuse = (reason: string): BpfError =>
    invalidArgument(operation, `${reason} does not fit ${describe(variable)}`);
  if (value instanceof Uint8Array) {
    if (value.byteLength !== variable.size) throw refuse(`a value of ${value.byteLength} bytes`);
    return value;
  }
  // Callers without type checks give anything.
  const given: unknown = value;
  if (typeof given !== "number" && typeof given !== "bigint" && typeof given !== "boolean") {
    throw refuse(`a value of type ${given === null ? "null" : typeof given}`);
  }
  if (variable.kind === "bytes" || !integerSizes.has(variable.size))
    throw refuse(`the ${typeof value} ${value}`);
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw refuse(`the number ${value} is not an exact integer and`);
  }
  const integer = BigInt(value);
  const [low, high] = range(variable);
  if (integer < low || integer > high) throw refuse(String(value));
  const bytes = new Uint8Array(8);
  new BigInt64Array(bytes.buffer)[0] = BigInt.asIntN(64, integer);
  return littleEndian ? bytes.slice(0, variable.size) : bytes.slice(8 - variable.size);
}

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
