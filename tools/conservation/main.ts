/**
 * Whether each byte that is moved is delivered or declared missing, whatever happens between tap and collector:
 * real traffic, a real tap, a real collector, and faults.
 *
 *   node --conditions=@tcptracker/source tools/conservation/main.ts [--quick] [--only FAULT] [--list]
 *
 * Needs root and the build. Exit codes: 0 all is accounted for, once, and in bounded memory; 1 otherwise; 2 wrong usage; 3 not root.
 */
import { parseArgs } from "node:util";
import { FAULTS } from "./faults.ts";
import { runFault, type Load, type Result } from "./run.ts";
import { bytesTable, memoryTable } from "./table.ts";
import { complaintsOf } from "./verdict.ts";

/** An hour of a host where 100 calls a second move bytes, in a minute. */
const HOUR: Load = { calls: 100 * 3600, seconds: 60 };
const QUICK: Load = { calls: 36_000, seconds: 12 };

const OPTIONS = {
  quick: { type: "boolean" },
  only: { type: "string", multiple: true },
  list: { type: "boolean" },
} as const;

async function main(): Promise<number> {
  let values;
  try {
    ({ values } = parseArgs({ options: OPTIONS }));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (values.list === true) {
    for (const { name } of FAULTS) console.log(name);
    return 0;
  }
  const unknown = values.only?.find((only) => !FAULTS.some(({ name }) => name === only));
  if (unknown !== undefined) {
    console.error(`there is no fault '${unknown}'; --list prints them`);
    return 2;
  }
  if (process.getuid?.() !== 0) {
    console.error("a tap needs root");
    return 3;
  }
  const load = values.quick === true ? QUICK : HOUR;
  const results: Result[] = [];
  let complaints = 0;
  for (const fault of FAULTS.filter(({ name }) => values.only?.includes(name) ?? true)) {
    console.error(`${fault.name} …`);
    const complain = (...texts: readonly string[]): void => {
      for (const text of texts) console.error(`FAILED: ${fault.name}: ${text}`);
      complaints += texts.length;
    };
    try {
      const result = await runFault(fault, load);
      results.push(result);
      const found = complaintsOf(result, load);
      complain(...found);
      if (found.length > 0) console.error(result.tapSaid);
    } catch (error) {
      // The other faults are worth knowing about all the same.
      complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  console.log(`${bytesTable(results)}\n\n${memoryTable(results)}`);
  return complaints === 0 ? 0 : 1;
}

process.exitCode = await main();
