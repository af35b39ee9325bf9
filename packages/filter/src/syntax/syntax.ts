import type { Span } from "../kernel/expression.ts";

/** Binary and unary operators but for `in`, whose right side is a list. */
export type Operator =
  | "&&"
  | "||"
  | "!"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "in"
  | "?:"
  | "negate";

/** A literal; those of types that filters do not have are there to be named in messages. */
export type LiteralSyntax = { readonly kind: "literal"; readonly span: Span } & (
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "int"; readonly value: bigint }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bytes"; readonly value: Uint8Array }
  | { readonly type: "uint" | "double" | "null"; readonly value: undefined }
);

/** A name with its dots: `remote.port`. */
export interface NameSyntax {
  readonly kind: "name";
  readonly path: string;
  readonly span: Span;
}

/** `name(arguments)` or `target.name(arguments)`. */
export interface CallSyntax {
  readonly kind: "call";
  readonly name: string;
  readonly nameSpan: Span;
  readonly target: Syntax | undefined;
  readonly arguments: readonly Syntax[];
  readonly span: Span;
}

export interface OperatorSyntax {
  readonly kind: "operator";
  readonly operator: Operator;
  /** One for `!` and `negate`, three for `?:`, two or more for `&&` and `||`, else two. */
  readonly operands: readonly Syntax[];
  readonly span: Span;
}

/** `target[key]`. */
export interface IndexSyntax {
  readonly kind: "index";
  readonly target: Syntax;
  readonly key: Syntax;
  readonly span: Span;
}

export interface ListSyntax {
  readonly kind: "list";
  readonly elements: readonly Syntax[];
  readonly span: Span;
}

/** CEL that filters do not have: `what` names it. */
export interface ForeignSyntax {
  readonly kind: "foreign";
  readonly what: string;
  readonly span: Span;
}

export type Syntax =
  LiteralSyntax | NameSyntax | CallSyntax | OperatorSyntax | IndexSyntax | ListSyntax | ForeignSyntax;
