import { readFileSync } from "node:fs";
import { collectHelpText } from "./collect-options.ts";
import { doctorHelpText, parseDoctorCommand, runDoctorCommand } from "./doctor-command.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { explainHelpText, parseExplainCommand, runExplainCommand } from "./explain-command.ts";
import { helpText, tapHelpText } from "./help.ts";
import { print } from "./print.ts";
import { say } from "./say.ts";
import { runTapCommand } from "./tap-command.ts";
import { readCollectCommand, readTapCommand } from "./configured-command.ts";
import { UsageError } from "./usage-error.ts";

async function run(args: readonly string[], packageJson: URL): Promise<number> {
  const [command, ...rest] = args;
  if (command === "--help" || command === "-h" || command === "help") {
    print(helpText());
    return 0;
  }
  if (command === "--version" || command === "-V") {
    print(`${version(packageJson)}\n`);
    return 0;
  }
  if (command === "tap") {
    const read = (): ReturnType<typeof readTapCommand> => readTapCommand(rest);
    const tap = await read();
    if (!tap.help) return await runTapCommand(tap, read, version(packageJson));
    print(tapHelpText());
    return 0;
  }
  if (command === "doctor") {
    const doctor = parseDoctorCommand(rest);
    if (!doctor.help) return await runDoctorCommand(doctor);
    print(doctorHelpText());
    return 0;
  }
  if (command === "explain") {
    const explain = parseExplainCommand(rest);
    if (!explain.help) return runExplainCommand(explain);
    print(explainHelpText());
    return 0;
  }
  if (command === "collect") {
    const collect = await readCollectCommand(rest);
    // gRPC takes 30 MiB: it is loaded where it is used.
    if (!collect.help) return await (await import("./collect-command.ts")).runCollectCommand(collect);
    print(collectHelpText());
    return 0;
  }
  throw new UsageError(
    command === undefined ? "a command is missing, such as 'tap'" : `there is no command '${command}'`,
  );
}

function version(packageJson: URL): string {
  return (JSON.parse(readFileSync(packageJson, "utf8")) as { version: string }).version;
}

/** Of this package, when this module is where the build puts it. */
const PACKAGE_JSON = new URL("../../package.json", import.meta.url);

/**
 * Runs the command line; resolves to the exit code and never throws.
 *
 * @param packageJson - says the version; a bundle has it elsewhere
 */
export async function main(args: readonly string[], packageJson: URL = PACKAGE_JSON): Promise<number> {
  try {
    return await run(args, packageJson);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    if (error instanceof UsageError) say("'tcptracker --help' and 'tcptracker tap --help' say what there is");
    return exitCodeOf(error);
  }
}
