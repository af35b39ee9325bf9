/** A filter after type checking: conditions over values of which each has a type and is there. */
import type { KernelNetwork, Logic, Relation, Span } from "../kernel/expression.ts";
import type { ValueType, Variable } from "../names/variables.ts";

export interface IntLiteral {
  readonly kind: "literal";
  readonly type: "int";
  readonly value: bigint;
  readonly span: Span;
}

export interface StringLiteral {
  readonly kind: "literal";
  readonly type: "string";
  readonly value: string;
  readonly span: Span;
}

export interface BytesLiteral {
  readonly kind: "literal";
  readonly type: "bytes";
  readonly value: Uint8Array;
  readonly span: Span;
}

export type Literal = IntLiteral | StringLiteral | BytesLiteral;

export interface VariableUse {
  readonly kind: "variable";
  readonly type: ValueType;
  readonly variable: Variable;
  readonly span: Span;
}

/** Characters (code points) of a string, bytes of bytes. */
export interface SizeOf {
  readonly kind: "size";
  readonly type: "int";
  readonly of: Value;
  readonly span: Span;
}

/** Checked to have a result: it cannot leave 64 bits, and the divisor is not 0. */
export interface Arithmetic {
  readonly kind: "arithmetic";
  readonly type: "int";
  readonly operator: "+" | "-" | "*" | "/" | "%";
  readonly left: Value;
  readonly right: Value;
  readonly span: Span;
}

export interface Choice {
  readonly kind: "choice";
  readonly type: ValueType;
  readonly test: Condition;
  readonly then: Value;
  readonly otherwise: Value;
  readonly span: Span;
}

export type Value = Literal | VariableUse | SizeOf | Arithmetic | Choice;

/** Two values of one type. A literal is on the right, unless both are literals. */
export interface RelationTest {
  readonly op: "relation";
  readonly relation: Relation;
  readonly left: Value;
  readonly right: Value;
  readonly span: Span;
}

/** `value in [options]`, one option or more. */
export interface MemberTest {
  readonly op: "member";
  readonly value: Value;
  readonly options: readonly Literal[];
  readonly span: Span;
}

/** Two strings, or two runs of bytes. */
export interface SearchTest {
  readonly op: "search";
  readonly test: "startsWith" | "endsWith" | "contains";
  readonly value: Value;
  readonly argument: Value;
  readonly span: Span;
}

/** RE2, anywhere in the value. Bytes are matched as characters of the same number. */
export interface PatternTest {
  readonly op: "pattern";
  readonly value: Value;
  readonly pattern: { test(text: string): boolean };
  readonly source: string;
  readonly span: Span;
}

/** Whether an address is in one of the networks. */
export interface NetworksTest {
  readonly op: "networks";
  readonly side: "local" | "remote";
  readonly networks: readonly KernelNetwork[];
  /** Those of IPv6 that IPv4 addresses are not in, although their bytes are: ::/0 and the like. */
  readonly wide: readonly KernelNetwork[];
  readonly span: Span;
}

/** Whether two conditions hold or fail together; `negated`: whether they do not. */
export interface SameTest {
  readonly op: "same";
  readonly negated: boolean;
  readonly left: Condition;
  readonly right: Condition;
  readonly span: Span;
}

export type Test = RelationTest | MemberTest | SearchTest | PatternTest | NetworksTest | SameTest;

export type Condition = Logic<Test>;
