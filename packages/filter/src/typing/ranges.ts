import { PAYLOAD_LIMIT } from "../kernel/expression.ts";
import { fail } from "./context.ts";
import type { Context } from "./context.ts";
import type { Arithmetic, Value } from "./typed.ts";

/** What an int can be; both ends included. */
export interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
/** More than any string that a record has. */
const STRING_SIZE = 2n ** 31n;

/** Throws FilterError for arithmetic whose result may not be an int: CEL would fail on some record then. */
export function expectRange(context: Context, value: Arithmetic): void {
  const { min, max } = rangeOf(value);
  if (min < MIN_INT || max > MAX_INT)
    fail(
      context,
      "ERR_FILTER_RANGE",
      "this can leave the 64 bits of an int: use smaller factors",
      value.span,
    );
}

export function rangeOf(value: Value): Range {
  switch (value.kind) {
    case "literal":
      return value.type === "int" ? { min: value.value, max: value.value } : { min: 0n, max: 0n };
    case "variable":
      return { min: 0n, max: value.variable.type === "int" ? BigInt(value.variable.max) : 0n };
    case "size":
      return { min: 0n, max: value.of.type === "bytes" ? sizeLimit(value.of) : STRING_SIZE };
    case "choice":
      return hull([rangeOf(value.then), rangeOf(value.otherwise)].flatMap(({ min, max }) => [min, max]));
    case "arithmetic":
      return combine(value.operator, rangeOf(value.left), rangeOf(value.right));
  }
}

function sizeLimit(bytes: Value): bigint {
  if (bytes.kind === "literal" && bytes.type === "bytes") return BigInt(bytes.value.length);
  if (bytes.kind !== "choice") return BigInt(PAYLOAD_LIMIT);
  const [then, otherwise] = [sizeLimit(bytes.then), sizeLimit(bytes.otherwise)];
  return then > otherwise ? then : otherwise;
}

function combine(operator: Arithmetic["operator"], left: Range, right: Range): Range {
  switch (operator) {
    case "+":
      return { min: left.min + right.min, max: left.max + right.max };
    case "-":
      return { min: left.min - right.max, max: left.max - right.min };
    case "*":
      return hull([left.min, left.max].flatMap((a) => [a * right.min, a * right.max]));
    case "/": {
      const bound = largest(left);
      return { min: left.min < 0n || right.min < 0n ? -bound : 0n, max: bound };
    }
    case "%": {
      const bound = largest(right) - 1n;
      return { min: left.min < 0n ? -bound : 0n, max: left.min === MIN_INT ? MAX_INT + 1n : bound };
    }
  }
}

function largest({ min, max }: Range): bigint {
  return -min > max ? -min : max;
}

function hull(ends: readonly bigint[]): Range {
  const [first = 0n] = ends;
  return {
    min: ends.reduce((least, end) => (end < least ? end : least), first),
    max: ends.reduce((most, end) => (end > most ? end : most), first),
  };
}
