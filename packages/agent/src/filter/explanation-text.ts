import { formatPlan } from "@tcptracker/filter";
import { plural } from "../format.ts";
import type { ExplainedMap, ExplainedProgram, Explanation, Measurement } from "./explanation.ts";

const STAGES = {
  filter: "decides what takes no payload",
  filter_payload: "decides the rest, with the first bytes of the payload",
} as const;

/** An explanation for people: the plan, what it costs, and the programs instruction by instruction. */
export function formatExplanation({ plan, maps, programs, measured }: Explanation): string {
  const lines = [formatPlan(plan)];
  if (maps.length > 0) lines.push("", "maps:", ...maps.map(formatMap));
  if (measured !== undefined) lines.push("", "cost:", ...formatMeasurement(measured));
  for (const program of programs) lines.push("", ...formatProgram(program));
  return `${lines.join("\n")}\n`;
}

function formatMap({ name, type, entries, maxEntries, keyBytes, set }: ExplainedMap): string {
  const size =
    set === undefined ? plural(entries, "entry").replace(/entrys$/, "entries") : `room for ${maxEntries}`;
  const what = set === undefined ? "" : `, kept current by user space: ${set}`;
  return `  ${name}: ${type}, ${size}, keys of ${keyBytes} bytes${what}`;
}

function formatMeasurement(measured: Measurement): string[] {
  if ("reason" in measured) return [`  not measured: ${measured.reason}`];
  const { firstCallNs, laterCallsNs } = measured;
  return [
    `  ${firstCallNs} ns for the first call on a connection, ${laterCallsNs} ns for each one after it`,
    "  (measured here, with a call of zeros from 127.0.0.1 to 127.0.0.1)",
  ];
}

function formatProgram({ stage, instructions, worstCase, listing }: ExplainedProgram): string[] {
  const lines = [
    `program ${stage}: ${STAGES[stage]}`,
    `  ${plural(instructions, "instruction")}, of which ${worstCase} run at most`,
  ];
  for (const { slot, labels, text, column } of listing) {
    if (labels.length > 0) lines.push(`  ${labels.join(", ")}:`);
    const line = `  ${String(slot).padStart(5)}  ${text}`;
    lines.push(column === undefined ? line : `${line.padEnd(64)} ; column ${column}`);
  }
  return lines;
}
