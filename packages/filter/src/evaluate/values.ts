/** Values as functions of a record. */
import type { FilterInput } from "../names/input.ts";
import type { Arithmetic, Value } from "../typing/typed.ts";
import { toPredicate } from "./predicate.ts";

type Read<Type> = (input: FilterInput) => Type;

/** Whether a value can do without bigints: it is not computed, and no literal in it is beyond what a number is exact for. */
export function isPlain(value: Value): boolean {
  switch (value.kind) {
    case "literal":
      return value.type !== "int" || Number.isSafeInteger(Number(value.value));
    case "variable":
    case "size":
      return true;
    case "arithmetic":
      return false;
    case "choice":
      return isPlain(value.then) && isPlain(value.otherwise);
  }
}

/** An int that {@link isPlain}. */
export function toNumber(value: Value): Read<number> {
  switch (value.kind) {
    case "literal": {
      const number = Number(value.value);
      return () => number;
    }
    case "variable":
      return value.variable.type === "int" ? value.variable.read : neverHere(value);
    case "size":
      return sizeOf(value.of);
    case "arithmetic":
      return neverHere(value);
    case "choice":
      return choose(value, toNumber);
  }
}

/** Any int. */
export function toBigInt(value: Value): Read<bigint> {
  if (value.kind === "literal" && value.type === "int") {
    const { value: literal } = value;
    return () => literal;
  }
  if (value.kind === "arithmetic") return compute(value);
  if (value.kind === "choice") return choose(value, toBigInt);
  const read = toNumber(value);
  return (input) => BigInt(read(input));
}

export function toText(value: Value): Read<string> {
  if (value.kind === "variable" && value.variable.type === "string") return value.variable.read;
  if (value.kind === "choice") return choose(value, toText);
  if (value.kind !== "literal" || value.type !== "string") return neverHere(value);
  const { value: literal } = value;
  return () => literal;
}

export function toBytes(value: Value): Read<Uint8Array> {
  if (value.kind === "variable" && value.variable.type === "bytes") return value.variable.read;
  if (value.kind === "choice") return choose(value, toBytes);
  if (value.kind !== "literal" || value.type !== "bytes") return neverHere(value);
  const { value: literal } = value;
  return () => literal;
}

function choose<Type>(
  { test, then, otherwise }: Extract<Value, { kind: "choice" }>,
  read: (value: Value) => Read<Type>,
): Read<Type> {
  const [decide, left, right] = [toPredicate(test), read(then), read(otherwise)];
  return (input) => (decide(input) ? left(input) : right(input));
}

function sizeOf(value: Value): Read<number> {
  if (value.type === "bytes") {
    const read = toBytes(value);
    return (input) => read(input).length;
  }
  const read = toText(value);
  // By code points, as CEL counts; an array of them costs less than it looks, and few filters ask.
  return (input) => Array.from(read(input)).length;
}

/** The checker has seen that each has a result within 64 bits. */
function compute({ operator, left, right }: Arithmetic): Read<bigint> {
  const [a, b] = [toBigInt(left), toBigInt(right)];
  switch (operator) {
    case "+":
      return (input) => a(input) + b(input);
    case "-":
      return (input) => a(input) - b(input);
    case "*":
      return (input) => a(input) * b(input);
    case "/":
      return (input) => a(input) / b(input);
    case "%":
      return (input) => a(input) % b(input);
  }
}

function neverHere(value: Value): never {
  throw new TypeError(`${withKind(value)} is no operand here: the type checker should have refused it`);
}

function withKind({ kind, type }: Value): string {
  return `a ${kind} of type ${type}`;
}
