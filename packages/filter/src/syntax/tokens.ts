/**
 * The words of a filter, with where they stand. The grammar is @bufbuild/cel's; what it leaves out is where an expression
 * ends and which brackets belong together, and messages need both.
 */
import { FilterError } from "../errors.ts";

export type TokenKind = "name" | "number" | "text" | "sign" | "unknown";

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

const ESCAPE = /\\(?:[abfnrtv\\?"'`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})/y;
const BLANK = /(?:[\t\n\f\r ]|\/\/[^\n\r]*)+/y;
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ["text", /[bBrR]{0,2}(?:"""|'''|"|')/y],
  ["name", /[A-Za-z_]\w*/y],
  ["number", /0[xX][0-9a-fA-F]+[uU]?|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?[uU]?/y],
  ["sign", /&&|\|\||[=!<>]=|[-+*/%!<>?:.,()[\]{}]/y],
  ["unknown", /[\s\S]/uy],
];

/** Throws FilterError for a text literal without an end, or with an escape sequence that is none. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = blankEnd(text, 0);
  while (at < text.length) {
    const token = tokenAt(text, at);
    tokens.push(token);
    at = blankEnd(text, token.to);
  }
  return tokens;
}

function blankEnd(text: string, at: number): number {
  BLANK.lastIndex = at;
  return BLANK.test(text) ? BLANK.lastIndex : at;
}

function tokenAt(text: string, from: number): Token {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = from;
    if (!pattern.test(text)) continue;
    const to = kind === "text" ? textEnd(text, from, pattern.lastIndex) : pattern.lastIndex;
    return { kind, text: text.slice(from, to), from, to };
  }
  // Half of a surrogate pair is one, too: the last pattern takes whatever is left.
  throw new RangeError(`there is nothing at ${String(from)}`);
}

/** Behind the quotes that end the literal which begins at `from` and whose content begins at `start`. */
function textEnd(text: string, from: number, start: number): number {
  const [, prefix = "", quotes = ""] = /^([bBrR]*)(["']+)$/.exec(text.slice(from, start)) ?? [];
  const raw = /r/i.test(prefix);
  for (let at = start; at < text.length; at++) {
    if (text.startsWith(quotes, at)) return at + quotes.length;
    if (quotes.length === 1 && (text[at] === "\n" || text[at] === "\r")) break;
    if (!raw && text[at] === "\\") at += escapeLength(text, at) - 1;
  }
  throw new FilterError("ERR_FILTER_SYNTAX", `the text has no end: add ${quotes} behind it`, text, {
    from,
    to: start,
  });
}

/** CEL's parser takes what is none as it stands, and such a text then is not what it looks like. */
function escapeLength(text: string, at: number): number {
  ESCAPE.lastIndex = at;
  if (ESCAPE.test(text)) return ESCAPE.lastIndex - at;
  const advice = /\d/.test(text[at + 1] ?? "")
    ? "a byte is \\x and two digits, as in \\x00"
    : 'write "\\\\" for a backslash';
  const reason = `"${text.slice(at, at + 2)}" is no escape sequence: ${advice}`;
  throw new FilterError("ERR_FILTER_SYNTAX", reason, text, { from: at, to: Math.min(at + 2, text.length) });
}

const OPENING: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/**
 * For each token that is a bracket the index of its partner; -1 for the others.
 *
 * Throws FilterError for a bracket without a partner, and for more than `limit` in one another.
 */
export function matchBrackets(text: string, tokens: readonly Token[], limit: number): number[] {
  const partners = new Array<number>(tokens.length).fill(-1);
  const open: number[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "sign") continue;
    if ("([{".includes(token.text)) {
      if (open.length === limit)
        throw new FilterError("ERR_FILTER_LIMIT", `more than ${limit} brackets in one another`, text, token);
      open.push(index);
    } else if (token.text in OPENING) {
      const start = open.pop() ?? -1;
      if (tokens[start]?.text !== OPENING[token.text])
        throw new FilterError(
          "ERR_FILTER_SYNTAX",
          `nothing here that "${token.text}" would close`,
          text,
          token,
        );
      partners[start] = index;
      partners[index] = start;
    }
  }
  const unclosed = tokens[open.pop() ?? -1];
  if (unclosed !== undefined)
    throw new FilterError("ERR_FILTER_SYNTAX", `"${unclosed.text}" is never closed`, text, unclosed);
  return partners;
}
