import { SECRET_HEADERS } from "../redact/header-scanner.ts";
import type { RedactorOptions } from "../redact/redactor.ts";
import { textOf, textsOf, type Flag, type FlagValues } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

/** The flags of `tcptracker tap` that are about redaction. */
export const REDACT_FLAGS: Readonly<Record<string, Flag>> = {
  redact: {
    type: "string",
    value: "headers|none",
    help: "replace secrets in payloads by ***: values of Authorization, Cookie, ... (default headers)",
  },
  "redact-header": {
    type: "string",
    value: "NAMES",
    multiple: true,
    help: "of these HTTP/1 headers as well, e.g. X-Token,X-Session",
  },
  "redact-pattern": {
    type: "string",
    value: "REGEX",
    multiple: true,
    help: "and what this regular expression matches in a payload; may be repeated",
  },
};

/** A header's name, as RFC 9110 has it. */
const NAME = /^[-!#$%&'*+.^_`|~0-9A-Za-z]+$/;

/**
 * What to redact; undefined for the default.
 *
 * @throws {@link UsageError} for a value that makes no sense
 */
export function parseRedact(values: FlagValues): RedactorOptions | undefined {
  const mode = textOf(values, "redact");
  const more = textsOf(values, "redact-header").flatMap((names) =>
    names.split(",").map((name) => name.trim()),
  );
  const patterns = textsOf(values, "redact-pattern");
  if (mode !== undefined && mode !== "headers" && mode !== "none")
    throw new UsageError(`--redact takes headers or none, not '${mode}'`);
  if (mode === undefined && more.length === 0 && patterns.length === 0) return undefined;
  const wrong = more.find((name) => !NAME.test(name));
  if (wrong !== undefined) throw new UsageError(`--redact-header takes names of headers; '${wrong}' is none`);
  return {
    headers: [...(mode === "none" ? [] : SECRET_HEADERS), ...more],
    patterns: patterns.map(parsePattern),
  };
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text, "g");
  } catch (error) {
    throw new UsageError(`--redact-pattern: ${error instanceof Error ? error.message : String(error)}`);
  }
}
