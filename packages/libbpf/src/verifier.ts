import type { VerifierReport } from "./errors.ts";

/** Lines that say how much work the verifier did, not why it stopped. */
const bookkeeping = /^(processed \d+ insns|verification time|stack depth|max_states|-- (BEGIN|END) )/;
const sourceLine = /^; /;
/** Register states after an instruction, e.g. "R0=scalar() R10=fp0" or "from 4 to 6: R0=...". */
const states = /^(\d+: )?(from \d+ to \d+: )?R\d+(_\w+)?=/;

/** The states that follow an instruction on its own line. */
const registers = /\s+; (R\d|fp-?\d|refs=).*$/;

const SUMMARY_LINES = 3;

/** The lines a person needs: the reason, the instruction, and the source line where the log has it. */
export function summarize(log: string): string {
  const lines = log
    .split("\n")
    .map((line) => line.replace(registers, "").trimEnd())
    .filter((line) => line !== "" && !bookkeeping.test(line) && !states.test(line));
  const tail = lines.slice(-SUMMARY_LINES);
  if (!tail.some((line) => sourceLine.test(line))) {
    const source = lines.findLast((line) => sourceLine.test(line));
    if (source !== undefined) tail.unshift(source);
  }
  return tail.join("\n");
}

const begin = /prog '([^']*)': -- BEGIN PROG LOAD LOG --\n/;
const end = "-- END PROG LOAD LOG --";

/** Finds the last refused program's log in what libbpf printed while loading. */
export function findReport(printed: string): VerifierReport | undefined {
  const start = printed.search(new RegExp(`${begin.source}(?![\\s\\S]*${begin.source})`));
  if (start < 0) return undefined;
  const rest = printed.slice(start);
  const match = begin.exec(rest);
  if (match === null) return undefined;
  const body = rest.slice(match[0].length);
  const stop = body.indexOf(end);
  const log = stop < 0 ? body : body.slice(0, stop);
  return { program: match[1] ?? "", summary: summarize(log), log };
}
