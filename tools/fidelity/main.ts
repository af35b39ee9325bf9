// `npm run test:fidelity` (as root): programs that this project did not write talk over loopback while tcpdump captures
// and the tap records the same connections. Every byte has to be the same, or declared missing exactly where it is.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ATTACH_STRATEGIES, TapError, TRANSPORTS, type TapOptions } from "@tcptracker/agent";
import type { Children } from "./children.ts";
import { measure, type Measurement } from "./measure.ts";
import { INSTRUMENTS, provide } from "./programs.ts";
import { formatFinding, formatJson, formatTable, rowOf, type Outcome } from "./report.ts";
import { judge, needsAnotherRun } from "./verdict.ts";
import type { Workload } from "./workload.ts";
import { WORKLOADS } from "./workloads/index.ts";

/** Findings of one workload that are printed; `--json` has all. */
const PRINTED = 10;

const HELP = `npm run test:fidelity -- [options] [workload ...]: hold the tap against tcpdump

      --list              print the workloads
      --json              the results as JSON on standard output
      --attach KIND       as tcptracker tap: auto, ${ATTACH_STRATEGIES.slice(1).join(", ")}
      --transport KIND    as tcptracker tap: auto, ${TRANSPORTS.slice(1).join(", ")}
      --keep DIR          keep captures, records and logs in DIR
  -h, --help              print this help`;

function say(text: string): void {
  console.error(`fidelity: ${text}`);
}

function fail(text: string, code: number): never {
  say(text);
  process.exit(code);
}

function choose<const T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((each) => each === value);
  return choice ?? fail(`--${name} must be one of ${choices.join(", ")}, not '${value}'`, 2);
}

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        list: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        attach: { type: "string", default: "auto" },
        transport: { type: "string", default: "auto" },
        keep: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    fail(`${messageOf(error)}\n${HELP}`, 2);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-fidelity-"));
  chmodSync(directory, 0o755);
  return directory;
}

function chosen(names: readonly string[]): readonly Workload[] {
  const unknown = names.find((name) => !WORKLOADS.some((workload) => workload.name === name));
  if (unknown !== undefined) fail(`there is no workload '${unknown}'; --list has all`, 2);
  return names.length === 0 ? WORKLOADS : WORKLOADS.filter(({ name }) => names.includes(name));
}

const { values, positionals } = parseCommandLine();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
if (values.list) {
  for (const { name, what } of WORKLOADS) console.log(`${name.padEnd(20)} ${what}`);
  process.exit(0);
}
const workloads = chosen(positionals);
const tap: TapOptions = {
  attach: choose("attach", values.attach, ATTACH_STRATEGIES),
  transport: choose("transport", values.transport, TRANSPORTS),
};
if (process.getuid?.() !== 0) fail("tapping and capturing need root", 3);
try {
  provide([...new Set([...INSTRUMENTS, ...workloads.flatMap(({ programs }) => programs)])], say);
} catch (error) {
  fail(messageOf(error), 1);
}

// Servers that give up root have to get at their files.
process.umask(0o022);
const base = values.keep === undefined ? temporaryDirectory() : resolve(values.keep);
let running: Children | undefined;

// However the suite ends, no server stays behind.
process.on("exit", () => {
  running?.killAll();
  if (values.keep === undefined) rmSync(base, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

async function attempt(workload: Workload, directory: string): Promise<Measurement> {
  try {
    return await measure(workload, {
      tap,
      directory,
      keepRecords: values.keep !== undefined,
      onChildren: (children) => (running = children),
    });
  } finally {
    if (values.keep === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

async function run(workload: Workload): Promise<Outcome> {
  const { name, what } = workload;
  try {
    let measurement = await attempt(workload, join(base, name));
    const retried = needsAnotherRun(measurement);
    if (retried !== undefined) {
      say(`${name}: ${retried}; once more`);
      measurement = await attempt(workload, join(base, `${name}-again`));
    }
    const failure = judge(measurement, workload.gaps);
    // Against a capture that cannot be trusted there is nothing to compare.
    if (failure !== undefined && needsAnotherRun(measurement) !== undefined)
      return { workload: name, what, failure, ...(retried && { retried }) };
    return { workload: name, what, measurement, ...(failure && { failure }), ...(retried && { retried }) };
  } catch (error) {
    // What the tap cannot do on this kernel it cannot do for any workload.
    if (error instanceof TapError) throw error;
    return { workload: name, what, failure: messageOf(error) };
  }
}

const began = performance.now();
const outcomes: Outcome[] = [];
try {
  for (const workload of workloads) {
    const outcome = await run(workload);
    outcomes.push(outcome);
    const { failure, measurement } = outcome;
    const time = measurement === undefined ? "" : ` (${measurement.seconds.toFixed(1)} s)`;
    say(`${workload.name}: ${failure === undefined ? "ok" : `FAILED: ${failure}`}${time}`);
    for (const finding of measurement?.findings.slice(0, PRINTED) ?? []) say(`  ${formatFinding(finding)}`);
  }
} catch (error) {
  fail(messageOf(error), 1);
}

const seconds = (performance.now() - began) / 1000;
if (values.json) {
  console.log(formatJson(outcomes, seconds));
} else {
  console.log(
    formatTable(outcomes.flatMap(({ workload, measurement: m }) => (m ? [rowOf(workload, m)] : []))),
  );
}
const failed = outcomes.filter(({ failure }) => failure !== undefined);
if (failed.length > 0) fail(`${failed.map(({ workload }) => workload).join(", ")} failed`, 1);
say(`${outcomes.length} workloads in ${seconds.toFixed(0)} s, no undeclared difference`);
