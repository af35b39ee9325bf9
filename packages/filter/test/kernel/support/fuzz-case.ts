/** One filter on some calls: run in the kernel, and held against its definitions. */
import { fromJson, toJson, type TapRecord } from "@tcptracker/events";
import {
  compile,
  factsOf,
  generate,
  interpret,
  levelOf,
  numberKey,
  verdictOf,
  whyUnfit,
} from "../../../src/index.ts";
import type { Filter, FilterInput, KernelExpression } from "../../../src/index.ts";
import { SETS } from "../../support/expressions.ts";
import { LabelledInput } from "../../support/labelled-input.ts";
import { oracleOf, type Labels } from "../../support/oracle.ts";
import type { Machine, Run } from "./machine.ts";

/** A call that a filter is tried on. */
export interface FuzzCall {
  readonly record: TapRecord;
  readonly labels: Labels;
  /** What the connection's entry has of a verdict: none, this filter's, or the opposite by the filter before. */
  readonly entry: "missing" | "unjudged" | "judged" | "outdated";
  /** How many calls the CPU is in the middle of. */
  readonly slot: number;
  /** Whether memory that nothing may look at is filled. */
  readonly dirty: boolean;
}

/** A filter, what it is compiled for, and what it is tried on. */
export interface FuzzCase {
  readonly text: string;
  readonly snaplen: number;
  readonly calls: readonly FuzzCall[];
}

/** What a case came to. */
export interface FuzzResult {
  readonly accepted: number;
  /** Whether the kernel decides anything, and whether it looks at payloads. */
  readonly kernel: boolean;
  readonly payload: boolean;
}

const GENERATION = 300;
const SOCK = 0xffff_8880_1234_5678n;

/** Runs a case; throws where one definition says something else. */
export function runCase(machine: Machine, { text, snaplen, calls }: FuzzCase): FuzzResult {
  const filter = compile(text, { snaplen, sets: SETS, unfit: whyUnfit });
  const oracle = oracleOf(text);
  const { kernel } = filter;
  const programs = kernel === undefined ? undefined : programsOf(kernel);
  if (programs !== undefined) machine.use(programs, membersOf(filter, calls));
  let accepted = 0;
  for (const call of calls) {
    const input = new LabelledInput(call.record, call.labels);
    const inKernel = kernel === undefined || runKernel(machine, kernel, filter, input, call, snaplen);
    const both = inKernel && (filter.residual === undefined || filter.residual(input));
    const expected = oracle(call.record, call.labels);
    if (both !== expected) throw new Error(`kernel && residual is ${both}, CEL says ${expected}`);
    if (expected) accepted++;
  }
  return { accepted, kernel: programs !== undefined, payload: programs?.payload !== undefined };
}

function programsOf(
  kernel: KernelExpression,
): Extract<ReturnType<typeof generate>, { fits: true }>["programs"] {
  const generated = generate(kernel, GENERATION);
  if (!generated.fits) throw new Error(`what fits does not: ${generated.reason}`);
  return generated.programs;
}

/** The cgroups of the calls, as somebody would who knows containers and pods. */
function membersOf(filter: Filter, calls: readonly FuzzCall[]): Map<string, Uint8Array[]> {
  return new Map(
    filter.sets.map((set) => {
      const members = calls.flatMap(({ record, labels }) => {
        const value = new LabelledInput(record, labels).attribute(set.attribute, set.key);
        return value !== "" && set.accepts(value) ? [numberKey(record.cgroup?.id ?? 0n)] : [];
      });
      return [set.id, members];
    }),
  );
}

function runKernel(
  machine: Machine,
  kernel: KernelExpression,
  filter: Filter,
  input: FilterInput,
  call: FuzzCall,
  snaplen: number,
): boolean {
  const facts = factsOf(input, snaplen, filter.sets);
  const conditions = kernel.op === "and" ? kernel.operands : [kernel];
  const ofConnection = conditions.filter((condition) => levelOf(condition) === "connection");
  const connectionAccepted = ofConnection.every((condition) => interpret(condition, facts));
  const before = verdictBefore(call.entry, connectionAccepted);
  const run = machine.run({ facts, sock: SOCK, slot: call.slot, dirty: call.dirty }, before);
  const expected = interpret(kernel, facts);
  const judged = ofConnection.length > 0 ? verdictOf(connectionAccepted, GENERATION) : undefined;
  const wanted: Run = {
    outcome: expected ? "emit" : "reject",
    judge: expected ? GENERATION % 256 : 0,
    callVerdict: judged ?? 0,
    connectionVerdict: before === "no entry" ? undefined : (judged ?? before),
  };
  for (const name of ["outcome", "judge", "callVerdict", "connectionVerdict"] as const)
    if (run[name] !== wanted[name]) throw new Error(`${name} is ${run[name]}, and should be ${wanted[name]}`);
  return expected;
}

function verdictBefore(entry: FuzzCall["entry"], accepted: boolean): number | "no entry" {
  if (entry === "missing") return "no entry";
  if (entry === "unjudged") return 0;
  return entry === "judged" ? verdictOf(accepted, GENERATION) : verdictOf(!accepted, GENERATION - 1);
}

/** A case as it is kept. */
export function caseToJson({ text, snaplen, calls }: FuzzCase): object {
  return {
    text,
    snaplen,
    calls: calls.map((call) => ({ ...call, record: JSON.parse(toJson(call.record)) as object })),
  };
}

export function caseFromJson(json: unknown): FuzzCase {
  const { calls, ...rest } = json as FuzzCase;
  return {
    ...rest,
    calls: calls.map((call) => ({ ...call, record: fromJson(JSON.stringify(call.record)) })),
  };
}
