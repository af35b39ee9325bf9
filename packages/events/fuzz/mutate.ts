/**
 * Mutates recorded batches and decodes them, until the time is over or something is found.
 *
 *   node packages/events/fuzz/mutate.ts [--seconds 60] [--seed N]
 *
 * A seed repeats a run exactly. The decoding happens in a thread of its own, so that a hang is noticed. Exit codes: 0 nothing found,
 * 1 a finding (the batch is kept in a file) or fewer than 1,000 frames per second, 2 wrong usage.
 */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { checkBatch } from "./check-batch.ts";
import { readCorpus } from "./corpus.ts";
import { mutate } from "./mutation.ts";
import { Random } from "./random.ts";

const LEAST_RATE = 1000;
const HANG_SECONDS = 10;
/** How often the thread says how far it is. */
const REPORT_MS = 250;

interface Task {
  readonly seconds: number;
  readonly seed: number;
}

interface Progress {
  readonly batches: number;
  readonly records: number;
  readonly errors: number;
  readonly seconds: number;
  readonly done: boolean;
  readonly finding?: { readonly message: string; readonly batch?: Uint8Array };
}

if (isMainThread) process.exitCode = await main(process.argv.slice(2));
else fuzz(workerData as Task);

async function main(args: string[]): Promise<number> {
  let task: Task;
  try {
    task = parseTask(args);
  } catch (error) {
    console.error(
      `${messageOf(error)}\nusage: node packages/events/fuzz/mutate.ts [--seconds 60] [--seed N]`,
    );
    return 2;
  }
  console.log(
    `seed ${String(task.seed)}, ${String(task.seconds)} s, ${String(readCorpus().size)} recorded batches`,
  );
  const last = await watch(task);
  const rate = Math.round((last.records + last.errors) / Math.max(last.seconds, 0.001));
  console.log(
    `${String(last.batches)} batches, ${String(last.records)} records, ${String(last.errors)} decode errors, ` +
      `${String(rate)} frames/s, seed ${String(task.seed)}`,
  );
  if (last.finding !== undefined) {
    console.error(`FINDING in batch ${String(last.batches)}: ${last.finding.message}`);
    if (last.finding.batch !== undefined)
      console.error(`kept in ${keep(task.seed, last.batches, last.finding.batch)}`);
    return 1;
  }
  if (rate < LEAST_RATE) {
    console.error(`FINDING: fewer than ${String(LEAST_RATE)} frames per second`);
    return 1;
  }
  return 0;
}

function keep(seed: number, number: number, batch: Uint8Array): string {
  const file = path.join(tmpdir(), `tcptracker-finding-${String(seed)}-${String(number)}.bin`);
  writeFileSync(file, batch);
  return file;
}

function parseTask(args: string[]): Task {
  const { values } = parseArgs({ args, options: { seconds: { type: "string" }, seed: { type: "string" } } });
  const seconds = Number(values.seconds ?? "60");
  const seed = Number(values.seed ?? String(Date.now() % 2 ** 32));
  if (!(seconds > 0)) throw new Error("--seconds has to be a number above 0");
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new Error("--seed has to be a whole number of 32 bits");
  return { seconds, seed };
}

/** Runs the thread and resolves with its last words; a thread that is silent for too long is a finding. */
function watch(task: Task): Promise<Progress> {
  const { promise, resolve } = Promise.withResolvers<Progress>();
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  let last: Progress = { batches: 0, records: 0, errors: 0, seconds: 0, done: false };
  const finish = (message?: string): void => {
    clearTimeout(timer);
    void worker.terminate();
    resolve(message === undefined ? last : { ...last, finding: { message } });
  };
  const hang = (): void => {
    finish(`silent for ${String(HANG_SECONDS)} s; the batch is one of the next, and the seed repeats it`);
  };
  let timer = setTimeout(hang, HANG_SECONDS * 1000);
  worker.on("message", (progress: Progress) => {
    last = progress;
    clearTimeout(timer);
    timer = setTimeout(hang, HANG_SECONDS * 1000);
    if (progress.done) finish();
  });
  worker.on("error", (error) => {
    finish(`the thread died: ${messageOf(error)}`);
  });
  return promise;
}

/** The thread: mutates and decodes. */
function fuzz({ seconds, seed }: Task): void {
  const random = new Random(seed);
  const corpus = [...readCorpus().values()];
  const start = performance.now();
  let [batches, records, errors] = [0, 0, 0];
  let reported = start;
  const report = (rest: Pick<Progress, "done" | "finding">): void => {
    parentPort?.postMessage({
      batches,
      records,
      errors,
      seconds: (performance.now() - start) / 1000,
      ...rest,
    });
  };
  for (;;) {
    const batch = mutate(random, corpus);
    batches++;
    try {
      const outcome = checkBatch(batch);
      records += outcome.records;
      errors += outcome.errors;
    } catch (error) {
      report({ done: true, finding: { message: messageOf(error), batch } });
      return;
    }
    const now = performance.now();
    if (now - start >= seconds * 1000) break;
    if (now - reported < REPORT_MS) continue;
    reported = now;
    report({ done: false });
  }
  report({ done: true });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
