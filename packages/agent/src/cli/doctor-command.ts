import { parseArgs, styleText } from "node:util";
import { diagnose } from "../doctor/diagnose.ts";
import { DoctorText } from "../doctor/text.ts";
import type { Paint } from "../sinks/text.ts";
import { print } from "./print.ts";
import { UsageError } from "./usage-error.ts";

/** What `tcptracker doctor` was asked to do. */
export interface DoctorCommand {
  readonly help: boolean;
  readonly json: boolean;
  readonly quick: boolean;
}

/** `tcptracker doctor --help`. */
export function doctorHelpText(): string {
  return [
    "tcptracker doctor [options]: what this kernel allows, how a tap would run, and what it would not see",
    "",
    "      --json                  one JSON document (default: readable text)",
    "      --quick                 try only what 'tap' would try, not every way there is",
    "  -h, --help                  print this help",
    "",
    "Loads and attaches the programs as 'tap' does and detaches them at once. Needs no rights to run, but says more with",
    "those of 'tap'. Exit codes: 0 a tap would run, 3 it is not permitted, 4 the kernel does not support it, 1 something",
    "else keeps it from running: a limit, or this installation.",
    "",
  ].join("\n");
}

/**
 * Reads the arguments of `tcptracker doctor`.
 *
 * @throws {@link UsageError} for arguments that make no sense
 */
export function parseDoctorCommand(args: readonly string[]): DoctorCommand {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
      allowPositionals: false,
      strict: true,
    });
    return values;
  } catch (error) {
    if (error instanceof TypeError && "code" in error) throw new UsageError(error.message);
    throw error;
  }
}

/** Colours where standard output is a terminal that wants them (NO_COLOR, FORCE_COLOR and TERM are heeded). */
const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

/** Runs `tcptracker doctor`; resolves to the exit code. */
export async function runDoctorCommand({ json, quick }: DoctorCommand): Promise<number> {
  if (json) {
    const diagnosis = await diagnose({ quick });
    print(`${JSON.stringify(diagnosis, undefined, 2)}\n`);
    return diagnosis.exitCode;
  }
  const text = new DoctorText(paint);
  const diagnosis = await diagnose({
    quick,
    onProgress: (progress) => {
      if (progress.type === "finding") print(text.finding(progress.finding));
      else if (progress.type === "way") print(text.way(progress.way));
      else if (progress.type === "hooks") print(text.hooks(progress.hooks));
      else print(text.blindSpot(progress.blindSpot));
    },
  });
  print(text.verdict(diagnosis));
  return diagnosis.exitCode;
}
