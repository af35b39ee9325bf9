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

/** What is handed to CEL for a filter: the same, with {@link IN_METHOD} in place of `in` where it is called as a method. */
export function toCel(text: string): string {
  return replaceInMethods(text, tokenize(text)).cel;
}

/** Parses with CEL's own grammar. Throws FilterError whatever the text is. */
export function parse(text: string): Syntax {
  if (text.length > LENGTH_LIMIT) {
    const reason = `a filter has at most ${LENGTH_LIMIT} characters, not ${text.length}`;
    throw new FilterError("ERR_FILTER_LIMIT", reason, text, { from: 0, to: 1 });
  }
  const tokens = tokenize(text);
  const partners = matchBrackets(text, tokens, DEPTH_LIMIT);
  const { cel, replaced } = replaceInMethods(text, tokens);
  try {
    const { expr, sourceInfo } = parseCel(cel);
    const positions = sourceInfo?.positions ?? {};
    return new SyntaxReader({ text, tokens, partners, positions, replaced }).read(expr, DEPTH_LIMIT);
  } catch (error) {
    if (error instanceof FilterError) throw error;
    throw explainSyntaxError(text, tokens, error);
  }
}

function replaceInMethods(
  text: string,
  tokens: readonly Token[],
): { cel: string; replaced: ReadonlySet<number> } {
  const replaced = new Set<number>();
  let cel = "";
  let copied = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.text !== "in" || tokens[index - 1]?.text !== "." || tokens[index + 1]?.text !== "(") continue;
    replaced.add(token.from);
    cel += text.slice(copied, token.from) + IN_METHOD;
    copied = token.to;
  }
  return { cel: cel + text.slice(copied), replaced };
}
