import type { Span } from "./kernel/expression.ts";

/** What is wrong with a filter; see the README for what each means. */
export type FilterErrorCode =
  | "ERR_FILTER_SYNTAX"
  | "ERR_FILTER_NAME"
  | "ERR_FILTER_TYPE"
  | "ERR_FILTER_ARITY"
  | "ERR_FILTER_RANGE"
  | "ERR_FILTER_VALUE"
  | "ERR_FILTER_ADDRESS"
  | "ERR_FILTER_PATTERN"
  | "ERR_FILTER_UNSUPPORTED"
  | "ERR_FILTER_UNAVAILABLE"
  | "ERR_FILTER_LIMIT";

/** The widest part of a line that a message shows. */
const WINDOW = 100;

/** A text is no filter. The message has the column, what would be right, and the place underlined. */
export class FilterError extends Error {
  override readonly name: string = "FilterError";
  readonly code: FilterErrorCode;
  /** What is wrong, in one line, without the place. */
  readonly reason: string;
  /** The part of the text that is wrong. */
  readonly span: Span;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units of its line. */
  readonly column: number;

  constructor(code: FilterErrorCode, reason: string, text: string, span: Span) {
    const start = text.slice(0, span.from).lastIndexOf("\n") + 1;
    const line = text.slice(0, start).split("\n").length;
    const column = span.from - start + 1;
    const place = line === 1 ? `column ${column}` : `line ${line}, column ${column}`;
    super(`${code}: ${place}: ${visible(reason)}\n${underline(text, start, span)}`);
    this.code = code;
    this.reason = visible(reason);
    this.span = span;
    this.line = line;
    this.column = column;
  }
}

/** The line that the span begins in, and carets below the span. */
function underline(text: string, start: number, span: Span): string {
  const newline = text.indexOf("\n", start);
  const end = newline === -1 ? text.length : newline;
  const from = span.from - start > WINDOW - 20 ? span.from - 20 : start;
  const shown = visible(text.slice(from, Math.min(end, from + WINDOW)));
  const indent = " ".repeat(span.from - from);
  const carets = "^".repeat(Math.max(1, Math.min(span.to, end, from + WINDOW) - span.from));
  return `  ${shown}\n  ${indent}${carets}`;
}

/** A terminal must not act on what a filter contains, and each unit has to take one column. */
function visible(line: string): string {
  return line.replace(/\p{Cc}/gu, " ");
}
