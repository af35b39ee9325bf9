import { allHelpLines } from "./flags.ts";
import { TAP_FLAGS } from "./tap-options.ts";

const COMMANDS = `tcptracker: what every process sends and receives over TCP

  tcptracker tap [options]     tap this host until stopped
  tcptracker collect [options] receive what other hosts' taps export
  tcptracker doctor [--json]   what this kernel allows, how a tap would run, what it would not see, and why
  tcptracker explain EXPR      how a filter is split between kernel and user space, compiled, and what it costs
  tcptracker --version         print the version
  tcptracker --help            print this help; 'tcptracker tap --help' prints the options of a command

Records go to standard output, everything else to standard error.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted, 4 not supported.
`;

/** `tcptracker --help`. */
export function helpText(): string {
  return COMMANDS;
}

/** `tcptracker tap --help`. */
export function tapHelpText(): string {
  return [
    "tcptracker tap [options]: print what the processes of this host send and receive over TCP, until stopped",
    "",
    ...allHelpLines(TAP_FLAGS),
    "",
    "Needs root, or CAP_BPF and CAP_PERFMON. SIGINT and SIGTERM drain what was seen and end with a summary.",
    "",
  ].join("\n");
}
