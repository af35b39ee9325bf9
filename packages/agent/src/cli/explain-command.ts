import { parseArgs } from "node:util";
import { formatExplanation } from "../filter/explanation-text.ts";
import { explainFilter } from "../filter/explanation.ts";
import { LIMITS, resolveOptions } from "../options.ts";
import { EXIT } from "./exit-codes.ts";
import { once } from "./flags.ts";
import { print } from "./print.ts";
import { UsageError } from "./usage-error.ts";
import { parseBytes } from "./values.ts";

/** What `tcptracker explain` was asked to do. */
export interface ExplainCommand {
  readonly help: boolean;
  readonly json: boolean;
  readonly expression: string;
  readonly snaplen: number;
}

/** `tcptracker explain --help`. */
export function explainHelpText(): string {
  return [
    "tcptracker explain [options] EXPR: how a filter of 'tap --filter' is split and compiled",
    "",
    "      --json                  one JSON document (default: readable text)",
    "  -s, --snaplen BYTES         as for 'tap' (default 262144): what a filter's payload is",
    "  -h, --help                  print this help",
    "",
    "Says which part the kernel decides and which is left to user space and why, and prints the kernel's programs, for each",
    "instruction the column of the filter that it comes from. Needs no rights; with those of 'tap', it is measured as well.",
    "",
  ].join("\n");
}

/**
 * Reads the arguments of `tcptracker explain`.
 *
 * @throws {@link UsageError} for arguments that make no sense; {@link TapError} ERR_TAP_OPTION for values out of range
 */
export function parseExplainCommand(args: readonly string[]): ExplainCommand {
  const { values, positionals } = parse(args);
  const [expression = "", ...more] = positionals;
  if (!values.help && positionals.length === 0)
    throw new UsageError("explain takes a filter, e.g. 'remote.port == 8080'");
  if (more.length > 0)
    throw new UsageError(`explain takes one filter; quote it, or '${more.join(" ")}' is not part of it`);
  const text = once("snaplen", values.snaplen ?? []);
  const snaplen = text === undefined ? {} : { snaplen: parseBytes("--snaplen", text, LIMITS.snaplen) };
  return { help: values.help, json: values.json, expression, snaplen: resolveOptions(snaplen).snaplen };
}

function parse(args: readonly string[]): {
  readonly values: { readonly json: boolean; readonly help: boolean; readonly snaplen?: string[] };
  readonly positionals: readonly string[];
} {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        snaplen: { type: "string", short: "s", multiple: true },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    if (error instanceof TypeError && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}

/** Runs `tcptracker explain`; gives the exit code. */
export function runExplainCommand({ expression, json, snaplen }: ExplainCommand): number {
  const explanation = explainFilter(expression, snaplen);
  const text = json ? `${JSON.stringify(explanation, undefined, 2)}\n` : formatExplanation(explanation);
  print(text);
  return EXIT.done;
}
