import { toPredicate } from "../evaluate/predicate.ts";
import type { FilterInput } from "../names/input.ts";
import type { Variable } from "../names/variables.ts";
import type { Condition, SameTest, Test } from "../typing/typed.ts";
import { variablesOf } from "../typing/variables-of.ts";
import { boundsOf } from "./bounds.ts";
import type { Bounds } from "./bounds.ts";
import type { KernelTest, Span } from "./expression.ts";
import { conditional, negation, sizeOf } from "./logic.ts";
import { lowerAddress, lowerNetworks } from "./lower-address.ts";
import { lowerEnumeration } from "./lower-enumeration.ts";
import { lowerInt } from "./lower-int.ts";
import { lowerName } from "./lower-name.ts";
import { lowerPayload } from "./lower-payload.ts";
import { decided, impossible, settled } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";
import type { DynamicSet } from "./sets.ts";

/** `a == b` of conditions takes b twice; what is larger than this stays in user space. */
const SAME_LIMIT = 64;

/** Why a test is not decided in the kernel. */
export interface Reason {
  readonly span: Span;
  readonly reason: string;
}

/** Turns tests into what the kernel can decide; one for each filter. */
export class Lowering {
  /** The sets that tests have been turned into, by id. */
  readonly sets: Map<string, DynamicSet> = new Map<string, DynamicSet>();
  readonly #text: string;
  readonly #snaplen: number;

  constructor(text: string, snaplen: number) {
    this.#text = text;
    this.#snaplen = snaplen;
  }

  /** What the kernel can decide of a condition, and of each test that it cannot decide, why. */
  lower(condition: Condition): { bounds: Bounds<KernelTest>; reasons: Reason[] } {
    const reasons: Reason[] = [];
    const bounds = boundsOf<Test, KernelTest>(condition, (test) => {
      if (test.op === "same") return this.#same(test, reasons);
      const lowered = this.#test(test);
      if (lowered.reason !== undefined) reasons.push({ span: test.span, reason: lowered.reason });
      return lowered.bounds;
    });
    return { bounds, reasons };
  }

  #same({ left, right, negated, span }: SameTest, reasons: Reason[]): Bounds<KernelTest> {
    const [a, b] = [this.lower(left), this.lower(right)];
    const exact = a.bounds.exact && b.bounds.exact;
    if (exact && sizeOf(a.bounds.upper) + sizeOf(b.bounds.upper) <= SAME_LIMIT) {
      const [then, otherwise] = [b.bounds.upper, negation(b.bounds.upper, span)];
      const [first, second] = negated ? [otherwise, then] : [then, otherwise];
      return decided(conditional<KernelTest>(a.bounds.upper, first, second, span)).bounds;
    }
    reasons.push(...a.reasons, ...b.reasons);
    const reason = "a comparison of conditions this large would take too many instructions";
    if (exact) reasons.push({ span, reason });
    return impossible(reason, span).bounds;
  }

  #test(test: Exclude<Test, SameTest>): Lowered {
    const { span } = test;
    if (test.op === "networks") return lowerNetworks(test);
    const variables = variablesOf(test);
    const [variable] = variables;
    if (variable === undefined) return settled(toPredicate(test)(allAre("")), span);
    if (variables.length === 1 && variable.type === "string") return this.#string(test, variable);
    if (variables.length === 1 && variable.type === "bytes") return lowerPayload(test, this.#snaplen);
    if (variables.every(({ type }) => type === "int")) return lowerInt(test);
    return impossible("the kernel does not compare these with each other", span);
  }

  #string(test: Exclude<Test, SameTest>, variable: Variable & { type: "string" }): Lowered {
    const accepts = (value: string): boolean => predicate(allAre(value));
    const predicate = toPredicate(test);
    switch (variable.text.kind) {
      case "enumeration":
        return lowerEnumeration(variable.name, variable.text, accepts, test.span);
      case "attribute":
        return this.#attribute(test.span, variable.text.attribute, variable.text.key, accepts);
      case "name":
        return lowerName(test);
      case "address":
        return lowerAddress(test, variable.text.side);
      case "id":
        return impossible("the kernel's part of a filter does not look at connection ids", test.span);
    }
  }

  /** Cgroups without the attribute count as "": if that is accepted, the set is of those that are not. */
  #attribute(
    span: Span,
    attribute: string,
    key: string | undefined,
    accepts: (value: string) => boolean,
  ): Lowered {
    const inverted = accepts("");
    const text = this.#text.slice(span.from, span.to);
    const id = inverted ? `!(${text})` : text;
    this.sets.set(id, { id, attribute, key, accepts: (value) => accepts(value) !== inverted, span });
    const inSet: KernelTest = { op: "inSet", set: id, field: "cgroup", span };
    return decided(inverted ? negation<KernelTest>(inSet, span) : inSet);
  }
}

/** A record of which every text is `text`: for tests that look at one. */
function allAre(text: string): FilterInput {
  const none = new Uint8Array(16);
  return {
    type: text as FilterInput["type"],
    direction: text as FilterInput["direction"],
    syscall: text as FilterInput["syscall"],
    cause: text as FilterInput["cause"],
    connectionId: text,
    role: text as FilterInput["role"],
    joined: text as FilterInput["joined"],
    network: text as FilterInput["network"],
    localAddress: text,
    remoteAddress: text,
    localAddressBytes: none,
    remoteAddressBytes: none,
    localPort: 0,
    remotePort: 0,
    pid: 0,
    tid: 0,
    uid: 0,
    processName: text,
    cgroup: 0n,
    offsetNumber: 0,
    sizeNumber: 0,
    payload: none.subarray(0, 0),
    attribute: () => text,
  };
}
