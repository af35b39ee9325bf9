import { FilterError } from "../errors.ts";
import type { Span } from "../kernel/expression.ts";
import type { Token } from "./tokens.ts";

/** What people write who know another language of filters. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  "=": 'write "==" to compare',
  "&": 'write "&&"',
  "|": 'write "||"',
  and: 'write "&&"',
  or: 'write "||"',
  not: 'write "!"',
};

const NEEDS_OPERAND = /^(?:&&|\|\||[=!<>]=|[-+*/%!<>?:.]|in)$/;

/** CEL's parser says where it stopped; this says what to do about it. */
export function explainSyntaxError(text: string, tokens: readonly Token[], error: unknown): FilterError {
  if (error instanceof RangeError)
    return new FilterError(
      "ERR_FILTER_LIMIT",
      "too much in one another: write it flatter",
      text,
      whole(text),
    );
  const offset = offsetOf(error) ?? 0;
  const index = tokens.findIndex((token) => token.to > offset);
  const token = tokens[index];
  if (tokens.length === 0) return syntaxError("there is no expression", text, whole(text));
  if (token === undefined) return syntaxError("something is missing at the end", text, end(text));
  const advice = wordAdvice(tokens, index) ?? operandAdvice(tokens, index);
  if (advice !== undefined) return syntaxError(advice.reason, text, advice.at);
  const message = error instanceof Error ? error.message : String(error);
  if (message.includes("reserved"))
    return syntaxError(`"${token.text}" is a reserved word of CEL`, text, token);
  if (message.includes("surrogate")) return syntaxError("halves of surrogate pairs are no text", text, token);
  return syntaxError(`"${token.text}" does not belong here`, text, token);
}

function wordAdvice(tokens: readonly Token[], index: number): { reason: string; at: Token } | undefined {
  for (const at of [tokens[index], tokens[index - 1], tokens[index + 1]]) {
    const advice = at === undefined ? undefined : OTHER_WORDS[at.text];
    if (at !== undefined && advice !== undefined)
      return { reason: `"${at.text}" is no operator: ${advice}`, at };
  }
  return undefined;
}

/** CEL stops at an operator when what follows it is no operand. */
function operandAdvice(tokens: readonly Token[], index: number): { reason: string; at: Token } | undefined {
  const at = tokens[index];
  if (at === undefined || !NEEDS_OPERAND.test(at.text)) return undefined;
  const next = tokens[index + 1];
  if (next === undefined) return { reason: `something is missing behind "${at.text}"`, at };
  return { reason: `"${next.text}" cannot stand behind "${at.text}"`, at: next };
}

function syntaxError(reason: string, text: string, span: Span): FilterError {
  return new FilterError("ERR_FILTER_SYNTAX", reason, text, span);
}

function whole(text: string): Span {
  return { from: 0, to: text.length };
}

function end(text: string): Span {
  return { from: text.length, to: text.length };
}

function offsetOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("location" in error)) return undefined;
  const { location } = error as { location?: { start?: { offset?: unknown } } };
  const offset = location?.start?.offset;
  return typeof offset === "number" ? offset : undefined;
}
