import type { parse } from "@bufbuild/cel";
import { FilterError } from "../errors.ts";
import type { Span } from "../kernel/expression.ts";
import type { LiteralSyntax, Operator, Syntax } from "./syntax.ts";
import type { Token } from "./tokens.ts";

/**
 * `in` is a keyword of CEL, not to be had behind a dot. A method of the same length stands in for it while CEL parses, so
 * that all columns stay; who writes this name himself gets the error for unknown functions.
 */
export const IN_METHOD = "iN";

/** CEL's own tree. */
type Expr = ReturnType<typeof parse>["expr"];
type Kind<Case> = Extract<Expr["exprKind"], { case: Case }>["value"];

export interface Source {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** Of each bracket, the other one. */
  readonly partners: readonly number[];
  /** Where CEL saw each expression begin, or its operator. */
  readonly positions: Readonly<Record<string, number>>;
  /** Where `in` was replaced. */
  readonly replaced: ReadonlySet<number>;
}

/** Tokens, the first and the last. */
interface Range {
  readonly first: number;
  readonly last: number;
}

interface Read {
  readonly syntax: Syntax;
  readonly range: Range;
}

/** The functions that CEL makes of operators. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["_&&_", "&&"],
  ["_||_", "||"],
  ["!_", "!"],
  ["_==_", "=="],
  ["_!=_", "!="],
  ["_<_", "<"],
  ["_<=_", "<="],
  ["_>_", ">"],
  ["_>=_", ">="],
  ["_+_", "+"],
  ["_-_", "-"],
  ["_*_", "*"],
  ["_/_", "/"],
  ["_%_", "%"],
  ["@in", "in"],
  ["_?_:_", "?:"],
  ["-_", "negate"],
]);

/** Makes a tree of ours of CEL's: dotted names joined, chains of && and || flat, and every part with its span. */
export class SyntaxReader {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  /** `depth`: how many levels may follow; throws FilterError when there are more. */
  read(expr: Expr, depth: number): Syntax {
    return this.#read(expr, depth).syntax;
  }

  #read(expr: Expr, depth: number): Read {
    const at = this.#tokenOf(expr);
    if (depth === 0) throw this.#limit(at);
    const { exprKind } = expr;
    switch (exprKind.case) {
      case "constExpr":
        return this.#literal(exprKind.value, at);
      case "identExpr": {
        const last = this.#tokens[at]?.text === "." ? at + 1 : at;
        return this.#done({ kind: "name", path: exprKind.value.name }, { first: at, last });
      }
      case "selectExpr":
        return this.#select(exprKind.value, at, depth);
      case "callExpr":
        return this.#call(exprKind.value, at, depth);
      case "listExpr": {
        const elements = exprKind.value.elements.map((element) => this.read(element, depth - 1));
        return this.#done({ kind: "list", elements }, this.#bracketed(at));
      }
      case "structExpr":
        return this.#foreign("a map or message", at);
      default:
        return this.#foreign("a macro that goes through a list", at);
    }
  }

  #literal({ constantKind }: Kind<"constExpr">, at: number): Read {
    const range = { first: at, last: this.#tokens[at]?.text === "-" ? at + 1 : at };
    switch (constantKind.case) {
      case "boolValue":
        return this.#done({ kind: "literal", type: "bool", value: constantKind.value }, range);
      case "int64Value":
        return this.#done({ kind: "literal", type: "int", value: constantKind.value }, range);
      case "stringValue":
        return this.#done({ kind: "literal", type: "string", value: constantKind.value }, range);
      case "bytesValue":
        return this.#done({ kind: "literal", type: "bytes", value: constantKind.value }, range);
      case "uint64Value":
        return this.#done({ kind: "literal", type: "uint", value: undefined }, range);
      case "doubleValue":
        return this.#done({ kind: "literal", type: "double", value: undefined }, range);
      default:
        return this.#done({ kind: "literal", type: "null", value: undefined }, range);
    }
  }

  #select({ operand, field, testOnly }: Kind<"selectExpr">, at: number, depth: number): Read {
    if (testOnly || operand === undefined)
      return this.#foreign(
        '"has": compare with "", 0 or b"", which stand for what a record does not have',
        at,
      );
    const { syntax, range } = this.#read(operand, depth - 1);
    const all = this.#join([range, { first: at, last: at + 1 }]);
    if (syntax.kind === "name") return this.#done({ kind: "name", path: `${syntax.path}.${field}` }, all);
    return this.#foreign(`"${field}" of something that has no members`, all.first, all.last);
  }

  #call({ function: name, target, args }: Kind<"callExpr">, at: number, depth: number): Read {
    if (name === "_[_]") return this.#index(args, at, depth);
    const operator = OPERATORS.get(name);
    if (operator !== undefined) return this.#operator(operator, args, at, depth);
    const nameAt = this.#tokens[at]?.text === "." ? at + 1 : at;
    const nameSpan = this.#span({ first: nameAt, last: nameAt });
    const callee = target === undefined ? undefined : this.#read(target, depth - 1);
    const own = { first: at, last: this.#bracketed(nameAt + 1).last };
    const range = callee === undefined ? own : this.#join([callee.range, own]);
    return this.#done(
      {
        kind: "call",
        name: name === IN_METHOD && this.#source.replaced.has(nameSpan.from) ? "in" : name,
        nameSpan,
        target: callee?.syntax,
        arguments: args.map((argument) => this.read(argument, depth - 1)),
      },
      range,
    );
  }

  #index(args: readonly Expr[], at: number, depth: number): Read {
    const [target, key] = args.map((argument) => this.#read(argument, depth - 1));
    if (target === undefined || key === undefined) return this.#foreign("an index", at);
    const range = this.#join([target.range, this.#bracketed(at)]);
    return this.#done({ kind: "index", target: target.syntax, key: key.syntax }, range);
  }

  #operator(operator: Operator, args: readonly Expr[], at: number, depth: number): Read {
    const flat = operator === "&&" || operator === "||" ? chain(args, operator) : args;
    const operands = flat.map((operand) => this.#read(operand, depth - 1));
    const ranges = operands.map(({ range }) => range);
    if (operator === "!" || operator === "negate") ranges.push({ first: at, last: at });
    return this.#done(
      { kind: "operator", operator, operands: operands.map(({ syntax }) => syntax) },
      this.#join(ranges),
    );
  }

  #foreign(what: string, first: number, last = first): Read {
    return this.#done({ kind: "foreign", what }, this.#join([{ first, last }]));
  }

  get #tokens(): readonly Token[] {
    return this.#source.tokens;
  }

  /** The first token at or behind the place that CEL names. */
  #tokenOf(expr: Expr): number {
    const position = this.#source.positions[String(expr.id)] ?? 0;
    let low = 0;
    let high = this.#tokens.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#tokens[middle]?.to ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** From the bracket at `first` to its partner. */
  #bracketed(first: number): Range {
    return { first, last: Math.max(first, this.#source.partners[first] ?? first) };
  }

  /** What covers all ranges, with the brackets around each of them. */
  #join(ranges: readonly Range[]): Range {
    let first = ranges.reduce((least, range) => Math.min(least, range.first), Infinity);
    let last = ranges.reduce((most, range) => Math.max(most, range.last), 0);
    const { first: inner, last: outer } = { first, last };
    for (let index = inner; index <= outer; index++) {
      const partner = this.#source.partners[index] ?? -1;
      if (partner === -1) continue;
      first = Math.min(first, partner);
      last = Math.max(last, partner);
    }
    return { first, last };
  }

  #span({ first, last }: Range): Span {
    return { from: this.#tokens[first]?.from ?? 0, to: this.#tokens[last]?.to ?? this.#source.text.length };
  }

  #done(syntax: WithoutSpan, range: Range): Read {
    return { syntax: { ...syntax, span: this.#span(range) }, range };
  }

  #limit(at: number): FilterError {
    const reason = "too much in one another: write it flatter";
    return new FilterError(
      "ERR_FILTER_LIMIT",
      reason,
      this.#source.text,
      this.#span({ first: at, last: at }),
    );
  }
}

type Omitted<Kind> = Kind extends unknown ? Omit<Kind, "span"> : never;
type WithoutSpan = Omitted<Syntax> | Omitted<LiteralSyntax>;

/** CEL balances chains of && and ||: a || b || c comes as a tree. */
function chain(args: readonly Expr[], operator: "&&" | "||"): Expr[] {
  return args.flatMap((arg) => {
    const { exprKind } = arg;
    if (exprKind.case !== "callExpr" || exprKind.value.function !== `_${operator}_`) return [arg];
    return chain(exprKind.value.args, operator);
  });
}
