/** Conditions as functions of a record: closures, made once. */
import type { Relation } from "../kernel/expression.ts";
import type { FilterInput } from "../names/input.ts";
import type { Condition, MemberTest, PatternTest, RelationTest, SearchTest, Test } from "../typing/typed.ts";
import { networkTable } from "./networks.ts";
import { isPlain, toBigInt, toBytes, toNumber, toText } from "./values.ts";

/** Whether a filter, or a part of it, accepts a record. Never throws for a record that is one. */
export type Predicate = (input: FilterInput) => boolean;

export function toPredicate(condition: Condition): Predicate {
  switch (condition.op) {
    case "constant": {
      const { value } = condition;
      return () => value;
    }
    case "and":
    case "or":
      return junction(condition.op === "or", condition.operands.map(toPredicate));
    case "not": {
      const operand = toPredicate(condition.operand);
      return (input) => !operand(input);
    }
    case "conditional": {
      const [test, then, otherwise] = [condition.test, condition.then, condition.otherwise].map(toPredicate);
      if (test === undefined || then === undefined || otherwise === undefined)
        throw new TypeError("no operand");
      return (input) => (test(input) ? then(input) : otherwise(input));
    }
    default:
      return testPredicate(condition);
  }
}

/** Two are one closure, more are a loop: nested closures of thousands would not fit on the stack. */
function junction(decisive: boolean, operands: readonly Predicate[]): Predicate {
  const [first, second] = operands;
  if (first !== undefined && second !== undefined && operands.length === 2)
    return decisive ? (input) => first(input) || second(input) : (input) => first(input) && second(input);
  return (input) => {
    for (const operand of operands) if (operand(input) === decisive) return decisive;
    return !decisive;
  };
}

function testPredicate(test: Test): Predicate {
  switch (test.op) {
    case "relation":
      return relation(test);
    case "member":
      return member(test);
    case "search":
      return search(test);
    case "pattern":
      return pattern(test);
    case "networks": {
      const has = networkTable(test.networks, test.wide);
      if (test.side === "local") return (input) => has(input.localAddressBytes);
      return (input) => has(input.remoteAddressBytes);
    }
    case "same": {
      const [left, right] = [toPredicate(test.left), toPredicate(test.right)];
      if (test.negated) return (input) => left(input) !== right(input);
      return (input) => left(input) === right(input);
    }
  }
}

function relation({ relation: sign, left, right }: RelationTest): Predicate {
  if (left.type === "string") return compare(sign, toText(left), toText(right));
  if (left.type === "int") {
    if (isPlain(left) && isPlain(right)) return compare(sign, toNumber(left), toNumber(right));
    return compare(sign, toBigInt(left), toBigInt(right));
  }
  const [a, b] = [toBytes(left), toBytes(right)];
  return compare(
    sign,
    (input) => Buffer.compare(a(input), b(input)),
    () => 0,
  );
}

function compare<Type extends string | number | bigint>(
  sign: Relation,
  left: (input: FilterInput) => Type,
  right: (input: FilterInput) => Type,
): Predicate {
  switch (sign) {
    case "==":
      return (input) => left(input) === right(input);
    case "!=":
      return (input) => left(input) !== right(input);
    case "<":
      return (input) => left(input) < right(input);
    case "<=":
      return (input) => left(input) <= right(input);
    case ">":
      return (input) => left(input) > right(input);
    case ">=":
      return (input) => left(input) >= right(input);
  }
}

function member({ value, options }: MemberTest): Predicate {
  if (value.type === "bytes") {
    const read = toBytes(value);
    const all = options.flatMap((option) => (option.type === "bytes" ? [option.value] : []));
    return (input) => {
      const bytes = read(input);
      return all.some((one) => Buffer.compare(one, bytes) === 0);
    };
  }
  if (value.type === "string") {
    const texts = new Set<unknown>(options.map((option) => option.value));
    const read = toText(value);
    return (input) => texts.has(read(input));
  }
  if (isPlain(value)) {
    const numbers = new Set(options.map((option) => Number(option.value)).filter(Number.isSafeInteger));
    const read = toNumber(value);
    return (input) => numbers.has(read(input));
  }
  const numbers = new Set<unknown>(options.map((option) => option.value));
  const read = toBigInt(value);
  return (input) => numbers.has(read(input));
}

function search({ test, value, argument }: SearchTest): Predicate {
  if (value.type === "bytes") return searchBytes(test, toBytes(value), toBytes(argument));
  const [text, part] = [toText(value), toText(argument)];
  switch (test) {
    case "startsWith":
      return (input) => text(input).startsWith(part(input));
    case "endsWith":
      return (input) => text(input).endsWith(part(input));
    case "contains":
      return (input) => text(input).includes(part(input));
  }
}

type ReadBytes = (input: FilterInput) => Uint8Array;

function searchBytes(test: SearchTest["test"], bytes: ReadBytes, part: ReadBytes): Predicate {
  switch (test) {
    case "startsWith":
      return (input) => isAt(bytes(input), part(input), 0);
    case "endsWith":
      return (input) => {
        const [all, end] = [bytes(input), part(input)];
        return isAt(all, end, all.length - end.length);
      };
    case "contains":
      return (input) => view(bytes(input)).includes(view(part(input)));
  }
}

function isAt(bytes: Uint8Array, part: Uint8Array, at: number): boolean {
  if (at < 0 || at + part.length > bytes.length) return false;
  for (let index = 0; index < part.length; index++) if (bytes[at + index] !== part[index]) return false;
  return true;
}

function pattern({ value, pattern: compiled }: PatternTest): Predicate {
  if (value.type === "bytes") {
    const read = toBytes(value);
    return (input) => compiled.test(view(read(input)).toString("latin1"));
  }
  const read = toText(value);
  return (input) => compiled.test(read(input));
}

/** The same bytes with Buffer's searches. */
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
