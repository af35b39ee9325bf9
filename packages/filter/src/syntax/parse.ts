import { parse as parseCel } from "@bufbuild/cel";
import { FilterError } from "../errors.ts";
import { IN_METHOD, SyntaxReader } from "./reader.ts";
import { explainSyntaxError } from "./syntax-errors.ts";
import type { Syntax } from "./syntax.ts";
import { matchBrackets, tokenize } from "./tokens.ts";
import type { Token } from "./tokens.ts";

/** UTF-16 units; 10,000 networks have 200,000. */
const LENGTH_LIMIT = 1 << 20;
/** Brackets, and operators on operators, in one another. */
export const DEPTH_LIMIT = 100;

/**
 * What is handed to CEL for a filter: the same, with {@link IN_METHOD} in place of `in` where it is called as a method, and
 * blanks in place of comments, which CEL's parser does not take everywhere.
 */
export function toCel(text: string): string {
  return rewrite(text, tokenize(text)).cel;
}

/** Parses with CEL's own grammar. Throws FilterError whatever the text is. */
export function parse(text: string): Syntax {
  if (text.length > LENGTH_LIMIT) {
    const reason = `a filter has at most ${LENGTH_LIMIT} characters, not ${text.length}`;
    throw new FilterError("ERR_FILTER_LIMIT", reason, text, { from: 0, to: 1 });
  }
  const tokens = tokenize(text);
  const partners = matchBrackets(text, tokens, DEPTH_LIMIT);
  const { cel, replaced } = rewrite(text, tokens);
  try {
    const { expr, sourceInfo } = parseCel(cel);
    const positions = sourceInfo?.positions ?? {};
    return new SyntaxReader({ text, tokens, partners, positions, replaced }).read(expr, DEPTH_LIMIT);
  } catch (error) {
    if (error instanceof FilterError) throw error;
    throw explainSyntaxError(text, tokens, error);
  }
}

function rewrite(text: string, tokens: readonly Token[]): { cel: string; replaced: ReadonlySet<number> } {
  const replaced = new Set<number>();
  const parts: string[] = [];
  let end = 0;
  for (const [index, token] of tokens.entries()) {
    parts.push(text.slice(end, token.from).replace(/[^\n]/g, " "));
    end = token.to;
    const isMethod =
      token.text === "in" && tokens[index - 1]?.text === "." && tokens[index + 1]?.text === "(";
    if (isMethod) replaced.add(token.from);
    parts.push(isMethod ? IN_METHOD : token.text);
  }
  return { cel: parts.join(""), replaced };
}
