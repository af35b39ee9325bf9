import {
  generate,
  list,
  type BpfProgramCode,
  type FilterPlan,
  type KernelPrograms,
  type ListedInstruction,
  type PlannedMap,
} from "@tcptracker/filter";
import { BpfError } from "@tcptracker/libbpf";
import { compileFilter } from "./compile-filter.ts";
import { FilterSandbox } from "./sandbox.ts";

/** A map of a filter. */
export interface ExplainedMap {
  readonly name: string;
  readonly type: PlannedMap["type"];
  readonly entries: number;
  readonly maxEntries: number;
  /** Of a key. */
  readonly keyBytes: number;
  /** The set that user space keeps current in it. */
  readonly set?: string;
}

/** A program of a filter. */
export interface ExplainedProgram {
  /** The slot that it sits in. */
  readonly stage: "filter" | "filter_payload";
  /** Slots of 8 bytes, as the kernel counts instructions. */
  readonly instructions: number;
  /** Instructions that run at most. */
  readonly worstCase: number;
  readonly listing: readonly (ListedInstruction & { readonly column?: number })[];
}

/** Nanoseconds of one run on a call that matches nothing in particular; `reason` says why they are not known. */
export type Measurement =
  { readonly firstCallNs: number; readonly laterCallsNs: number } | { readonly reason: string };

/** How a filter is split and compiled, and what it costs. */
export interface Explanation {
  readonly plan: FilterPlan;
  readonly maps: readonly ExplainedMap[];
  readonly programs: readonly ExplainedProgram[];
  /** Absent when the kernel decides nothing. */
  readonly measured?: Measurement;
}

/**
 * Explains a filter without applying it. Needs no rights; with those of a tap, it is measured in the kernel.
 *
 * @throws FilterError for a text that is none
 */
export function explainFilter(text: string, snaplen: number): Explanation {
  const filter = compileFilter(text, { snaplen, containers: true });
  const plan = filter.explain();
  const generated = filter.kernel === undefined ? undefined : generate(filter.kernel);
  if (generated?.fits !== true) return { plan, maps: [], programs: [] };
  const { programs } = generated;
  return {
    plan,
    maps: programs.maps.map(explainMap),
    programs: [
      explainProgram("filter", programs.filter),
      ...(programs.payload === undefined ? [] : [explainProgram("filter_payload", programs.payload)]),
    ],
    measured: measure(programs),
  };
}

function explainMap({ name, type, keys, maxEntries, keySize, set }: PlannedMap): ExplainedMap {
  const map = { name, type, entries: keys.length, maxEntries, keyBytes: keySize };
  return set === undefined ? map : { ...map, set };
}

function explainProgram(stage: ExplainedProgram["stage"], code: BpfProgramCode): ExplainedProgram {
  const listing = list(code).map((line) =>
    line.span === undefined ? line : { ...line, column: line.span.from + 1 },
  );
  return { stage, instructions: code.slots, worstCase: code.worstCase, listing };
}

function measure(programs: KernelPrograms): Measurement {
  try {
    using sandbox = new FilterSandbox(programs);
    return { firstCallNs: sandbox.measure(true), laterCallsNs: sandbox.measure(false) };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.code === "ERR_BPF_PERMISSION")
      return { reason: "measuring needs the rights of a tap: root, or CAP_BPF and CAP_PERFMON" };
    return { reason: `this kernel does not run it for a measurement: ${error.message.split("\n")[0] ?? ""}` };
  }
}
