/**
 * What the kernel can decide of a filter: the language that the compiler lowers to and that the code generator reads.
 * Nothing in it depends on how it is run.
 */

/** Where in the filter's text something stands: offsets in UTF-16 units, the first of it and the first behind it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type Relation = "==" | "!=" | "<" | "<=" | ">" | ">=";

/**
 * Integers that the kernel knows of a call, all unsigned. Enumerations are their numbers (RECORD_TYPE, DIRECTION, …).
 * `direction` and `syscall` are 0 where a call has none; `prefix.length` counts the bytes of the payload's prefix.
 */
export type KernelField =
  | "type"
  | "direction"
  | "role"
  | "joined"
  | "network"
  | "syscall"
  | "pid"
  | "tid"
  | "uid"
  | "cgroup"
  | "local.port"
  | "remote.port"
  | "size"
  | "offset"
  | "prefix.length";

/** Addresses that begin with the same bits. IPv4 as ::ffff:a.b.c.d: 96 more bits. */
export interface KernelNetwork {
  /** 16 bytes; those behind the first `bits` bits are 0. */
  readonly address: Uint8Array;
  /** 0 to 128. */
  readonly bits: number;
}

export interface Constant {
  readonly op: "constant";
  readonly value: boolean;
  readonly span: Span;
}

/** Two operands or more, decided from left to right and no further than needed. */
export interface JunctionOf<Atom> {
  readonly op: "and" | "or";
  readonly operands: readonly Logic<Atom>[];
  readonly span: Span;
}

export interface NotOf<Atom> {
  readonly op: "not";
  readonly operand: Logic<Atom>;
  readonly span: Span;
}

export interface ConditionalOf<Atom> {
  readonly op: "conditional";
  readonly test: Logic<Atom>;
  readonly then: Logic<Atom>;
  readonly otherwise: Logic<Atom>;
  readonly span: Span;
}

/** What connects tests of any kind. */
export type Connective<Atom> = Constant | JunctionOf<Atom> | NotOf<Atom> | ConditionalOf<Atom>;

/** Tests and what connects them. */
export type Logic<Atom> = Atom | Connective<Atom>;

export interface Compare {
  readonly op: "compare";
  readonly field: KernelField;
  readonly relation: Relation;
  /** Within what the field can hold. */
  readonly value: bigint;
  readonly span: Span;
}

export interface CompareFields {
  readonly op: "compareFields";
  readonly left: KernelField;
  readonly relation: Relation;
  readonly right: KernelField;
  readonly span: Span;
}

export interface OneOf {
  readonly op: "oneOf";
  readonly field: KernelField;
  /** One or more, ascending, none twice. */
  readonly values: readonly bigint[];
  readonly span: Span;
}

/**
 * A test on bytes: of the process's name, which ends at its first NUL, or of the payload, of which the kernel has a prefix.
 *
 * A name's value has at most 15 bytes and no NUL. A payload's has at most the prefix for `startsWith` and less for `equals`, which holds
 * when prefix.length is the value's length, too. `endsWith` and `contains` are of names only.
 */
export interface Text {
  readonly op: "text";
  readonly field: "name" | "payload";
  readonly test: "equals" | "startsWith" | "endsWith" | "contains";
  readonly value: Uint8Array;
  readonly span: Span;
}

export interface TextOneOf {
  readonly op: "textOneOf";
  readonly field: "name";
  readonly values: readonly Uint8Array[];
  readonly span: Span;
}

export interface InNetworks {
  readonly op: "inNetworks";
  readonly side: "local" | "remote";
  /** One or more. */
  readonly networks: readonly KernelNetwork[];
  readonly span: Span;
}

/** Whether the cgroup is in a set that user space fills and changes while the filter runs. */
export interface InSet {
  readonly op: "inSet";
  /** Identifies the set within the filter; see the filter's `sets`. */
  readonly set: string;
  readonly field: "cgroup";
  readonly span: Span;
}

/** A single test. */
export type KernelTest = Compare | CompareFields | OneOf | Text | TextOneOf | InNetworks | InSet;

export type Junction = JunctionOf<KernelTest>;
export type Not = NotOf<KernelTest>;
export type Conditional = ConditionalOf<KernelTest>;
export type KernelExpression = Logic<KernelTest>;

/**
 * What has to be known to decide an expression: `connection` what stays the same for all calls of a connection, `call` what
 * the record's header says, `payload` the bytes, too.
 */
export type Level = "connection" | "call" | "payload";

const CONNECTION_FIELDS: ReadonlySet<KernelField> = new Set<KernelField>([
  "role",
  "joined",
  "network",
  "local.port",
  "remote.port",
]);

/** Bytes of a call that the kernel looks at: no more than that, and no more than the snaplen. */
export const PREFIX_LIMIT = 256;

/** Bytes of a call that a filter's `payload` has, at most. */
export const PAYLOAD_LIMIT = 65_536;

/** The level of an expression: the highest that any part of it needs. */
export function levelOf(expression: KernelExpression): Level {
  switch (expression.op) {
    case "constant":
    case "inNetworks":
      return "connection";
    case "and":
    case "or":
      return highest(expression.operands.map(levelOf));
    case "not":
      return levelOf(expression.operand);
    case "conditional":
      return highest([expression.test, expression.then, expression.otherwise].map(levelOf));
    case "compare":
    case "oneOf":
      return fieldLevel(expression.field);
    case "compareFields":
      return highest([fieldLevel(expression.left), fieldLevel(expression.right)]);
    case "text":
      return expression.field === "payload" ? "payload" : "call";
    case "textOneOf":
    case "inSet":
      return "call";
  }
}

function fieldLevel(field: KernelField): Level {
  if (field === "prefix.length") return "payload";
  return CONNECTION_FIELDS.has(field) ? "connection" : "call";
}

function highest(levels: readonly Level[]): Level {
  if (levels.includes("payload")) return "payload";
  return levels.includes("call") ? "call" : "connection";
}
