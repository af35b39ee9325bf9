import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { run } from "./support/http.ts";

/** Nanoseconds that the threads of a process have run so far: to the scheduler, which counts finer than ticks. */
async function runNanoseconds(pid: number): Promise<number> {
  let sum = 0;
  for (const task of await readdir(`/proc/${pid}/task`))
    sum += Number((await readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8")).split(" ")[0]);
  return sum;
}

/** User and system time of a process so far, in clock ticks. */
async function cpuTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name before it, in parentheses, may have spaces; utime and stime are the 14th and 15th of all.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function residentKiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

const SECONDS = 10;

interface Measurement {
  readonly records: number;
  readonly residentMiB: number;
  readonly text: string;
}

/** Runs an agent of its own for a while and looks at what that costs. */
async function measure(): Promise<Measurement> {
  const ticksPerSecond = Number((await run("getconf", ["CLK_TCK"])).stdout);
  await using agent = await Agent.tapping(["--json"]);
  const [before, ranBefore] = [await cpuTicks(agent.pid), await runNanoseconds(agent.pid)];
  const started = performance.now();
  // Not for something to happen: the time itself is what is measured.
  await delay(SECONDS * 1000);
  const used = (await cpuTicks(agent.pid)) - before;
  const ran = (await runNanoseconds(agent.pid)) - ranBefore;
  const elapsed = (performance.now() - started) / 1000;
  const residentMiB = (await residentKiB(agent.pid)) / 1024;
  const records = agent.records().length;
  const share = (used / ticksPerSecond / elapsed) * 100;
  const text =
    `${used} ticks of CPU time in ${elapsed.toFixed(1)} s = ${share.toFixed(2)} % of a core ` +
    `(${(ran / elapsed / 1e7).toFixed(3)} % to the scheduler), VmRSS ${residentMiB.toFixed(1)} MiB, ` +
    `${records} records of other programs`;
  return { records, residentMiB, text };
}

test("an idle agent is small; how much CPU time it uses is printed", { timeout: 120_000 }, async () => {
  const tried: string[] = [];
  // The tap sees the whole machine: an agent that met much traffic of other programs was not idle.
  while (tried.length < 6) {
    const { records, residentMiB, text } = await measure();
    tried.push(text);
    if (records > 200) continue;
    console.log(`idle agent: ${text}`);
    // Time depends on what else the machine does; memory does not.
    expect(residentMiB).toBeGreaterThan(0);
    expect(residentMiB).toBeLessThan(120);
    return;
  }
  throw new Error(`the machine was never quiet for ${SECONDS} s:\n${tried.join("\n")}`);
});
