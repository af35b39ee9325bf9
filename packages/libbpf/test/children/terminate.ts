// Terminates workers at random moments inside native calls, several at a time. The arguments: how many, the seed of
// the moments, and the folder of objects. Prints the descriptors that are open before and after.
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

import { BpfObject, loadProgram } from "../../src/index.ts";

/** Workers that run at once: more than most machines have CPUs for, so that one is interrupted anywhere. */
const LANES = 6;
/** From the loading of the addon to well into the calls. */
const LONGEST_MS = 8;

const returnZero = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

function call(folder: string): never {
  parentPort?.postMessage("about to load the addon");
  for (;;) {
    const object = BpfObject.open(`${folder}/maps.bpf.o`);
    object.close();
    // Gets its descriptor from the kernel at once.
    loadProgram({ type: "socket_filter", instructions: returnZero, license: "GPL" }).close();
    try {
      BpfObject.open(`${folder}/none.bpf.o`);
    } catch {
      // A failure on purpose: native code that throws.
    }
  }
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function terminateMany(times: number, next: () => number, folder: string): Promise<void> {
  let left = times;
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const worker = new Worker(new URL(import.meta.url), { argv: [folder] });
      await new Promise((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      await sleep(next() * LONGEST_MS);
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

if (isMainThread) {
  const [times, seed, folder = ""] = process.argv.slice(2);
  const next = random(Number(seed));
  // What Node.js itself opens for its first workers stays open.
  await terminateMany(LANES, next, folder);
  const before = descriptors();
  await terminateMany(Number(times), next, folder);
  console.log(JSON.stringify({ before, after: descriptors() }));
} else {
  call(process.argv[2] ?? "");
}
