/** What a kernel expression means: the reference for the programs that are generated from it. */
import { contains } from "../names/addresses.ts";
import type { KernelExpression, KernelField, Text } from "./expression.ts";
import { holds } from "./relation.ts";

/** What the kernel knows of a call. */
export interface KernelFacts {
  readonly fields: Readonly<Record<KernelField, bigint>>;
  /** 16 bytes; the name ends at the first NUL, if there is one. */
  readonly name: Uint8Array;
  /** 16 bytes each; IPv4 as ::ffff:a.b.c.d. */
  readonly localAddress: Uint8Array;
  readonly remoteAddress: Uint8Array;
  /** The first captured bytes: as many as the field prefix.length says. */
  readonly prefix: Uint8Array;
  /** Whether a set has the cgroup. */
  inSet(set: string, cgroup: bigint): boolean;
}

/** Decides as the kernel does. */
export function interpret(expression: KernelExpression, facts: KernelFacts): boolean {
  switch (expression.op) {
    case "constant":
      return expression.value;
    case "and":
      return expression.operands.every((operand) => interpret(operand, facts));
    case "or":
      return expression.operands.some((operand) => interpret(operand, facts));
    case "not":
      return !interpret(expression.operand, facts);
    case "conditional":
      return interpret(expression.test, facts)
        ? interpret(expression.then, facts)
        : interpret(expression.otherwise, facts);
    case "compare":
      return holds(facts.fields[expression.field], expression.relation, expression.value);
    case "compareFields":
      return holds(facts.fields[expression.left], expression.relation, facts.fields[expression.right]);
    case "oneOf":
      return expression.values.includes(facts.fields[expression.field]);
    case "text":
      return search(
        expression.field === "name" ? nameOf(facts) : facts.prefix,
        expression.test,
        expression.value,
      );
    case "textOneOf":
      return expression.values.some((value) => search(nameOf(facts), "equals", value));
    case "inNetworks": {
      const address = expression.side === "local" ? facts.localAddress : facts.remoteAddress;
      return expression.networks.some((network) => contains(network, address));
    }
    case "inSet":
      return facts.inSet(expression.set, facts.fields.cgroup);
  }
}

function nameOf({ name }: KernelFacts): Uint8Array {
  const end = name.indexOf(0);
  return end === -1 ? name : name.subarray(0, end);
}

function search(bytes: Uint8Array, test: Text["test"], value: Uint8Array): boolean {
  const at = (start: number): boolean =>
    start >= 0 && Buffer.compare(bytes.subarray(start, start + value.length), value) === 0;
  switch (test) {
    case "equals":
      return Buffer.compare(bytes, value) === 0;
    case "startsWith":
      return at(0);
    case "endsWith":
      return at(bytes.length - value.length);
    case "contains":
      return Buffer.from(bytes).includes(Buffer.from(value));
  }
}
