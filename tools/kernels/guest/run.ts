// Runs test files inside a virtual machine, one after the other in one process: run.mjs OUTPUT FILE…
//
// One JSON line for each test goes to OUTPUT at once: what ran before a crash is known after it.
import { appendFileSync } from "node:fs";
import { release } from "node:os";
import { basename } from "node:path";
import { inspect } from "node:util";
import type { TestLine } from "../results.ts";
import { Skipped, takeRegistered, type RegisteredTest } from "./vitest.ts";

const PATIENCE = Number(process.env["TCPTRACKER_TEST_PATIENCE"] ?? 1);
const DEADLINE = 60_000;

const [output = "", ...files] = process.argv.slice(2);

function write(line: TestLine): void {
  appendFileSync(output, `${JSON.stringify(line)}\n`);
}

let failed = 0;

/** To the machine's console, which the host watches. */
function progress(line: string): void {
  appendFileSync("/dev/console", `== ${basename(output, ".jsonl")} ${line}\n`);
}

/** The promise's value, unless it takes too long. */
async function bounded(action: () => unknown, milliseconds: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const limit = milliseconds * PATIENCE;
  const timer = setTimeout(() => {
    late.reject(new Error(`not within ${limit} ms`));
  }, limit);
  try {
    await Promise.race([action(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What went wrong, with the reasons behind it. */
function describeError(error: unknown): string {
  return inspect(error, { depth: 4, breakLength: 140, maxStringLength: 30_000 }).slice(0, 40_000);
}

async function runStep(file: string, name: string, action: () => unknown, timeout: number): Promise<boolean> {
  const started = performance.now();
  const elapsed = (): number => Math.round(performance.now() - started);
  try {
    await bounded(action, timeout);
    write({ file, name, status: "passed", milliseconds: elapsed() });
    return true;
  } catch (error) {
    if (error instanceof Skipped) {
      write({ file, name, status: "skipped", milliseconds: elapsed(), error: error.message });
      return true;
    }
    failed++;
    write({ file, name, status: "failed", milliseconds: elapsed(), error: describeError(error) });
    console.log(`FAILED ${file}: ${name}`);
    return false;
  }
}

async function runTest(file: string, { name, body, timeout = DEADLINE }: RegisteredTest): Promise<void> {
  const skip = (reason = "it does not apply here"): never => {
    throw new Skipped(reason);
  };
  await runStep(file, name, () => body({ skip }), timeout);
}

async function runFile(file: string): Promise<void> {
  const started = performance.now();
  failed = 0;
  await import(new URL(`${file}.mjs`, import.meta.url).href);
  const { tests, beforeAll, afterAll } = takeRegistered();
  let ready = true;
  for (const hook of beforeAll) ready &&= await runStep(file, "(before all)", hook, DEADLINE);
  if (ready) for (const test of tests) await runTest(file, test);
  else
    for (const { name } of tests)
      write({ file, name, status: "skipped", milliseconds: 0, error: "beforeAll failed" });
  if (ready) for (const hook of afterAll) await runStep(file, "(after all)", hook, DEADLINE);
  progress(
    `${file}: ${tests.length} tests in ${Math.round((performance.now() - started) / 1000)} s, ${failed} failed`,
  );
}

console.log(`Node.js ${process.version} on Linux ${release()} ${process.arch}`);
for (const file of files) {
  try {
    await runFile(file);
  } catch (error) {
    write({ file, name: "(the file)", status: "failed", milliseconds: 0, error: describeError(error) });
  }
}
write({ file: "", name: "(end)", status: "passed", milliseconds: Math.round(performance.now()) });
// A tap that a failed test left open would keep the process alive.
process.exit(0);
