// Run with --expose-gc: drops objects, maps, programs, links and readers in every order and lets the collector have them.
import { readdirSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";

import {
  BpfMap,
  BpfObject,
  BpfProgram,
  loadProgram,
  PerfBufferReader,
  RingBufferReader,
} from "../../src/index.ts";
import { addon } from "../../src/addon.ts";
import { produce } from "./common.ts";

const folder = process.argv[2] ?? "";
const collect = globalThis.gc;
if (collect === undefined) throw new Error("run with --expose-gc");
const descriptors = (): number => readdirSync("/proc/self/fd").length;

async function collectUntil(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > end)
      throw new Error(`waited in vain until ${what}: ${JSON.stringify(addon().counts())}`);
    collect?.();
    await nextTurn();
  }
}

const returnZero = Uint8Array.from([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/** Keeps one part of each object and drops the rest. */
function parts(): unknown[] {
  return Array.from({ length: 24 }, (_, index) => {
    const opened = BpfObject.open(`${folder}/maps.bpf.o`);
    opened.load();
    const kept = [opened.map("hash"), opened.program("show"), opened, [...opened.maps.values()][index % 4]];
    return kept[index % 4];
  });
}

const before = descriptors();
let kept: unknown[] = parts();
for (let round = 0; round < 5; round++) {
  collect();
  await nextTurn();
}
// What is held through any of its parts still works.
function use(list: unknown[]): void {
  for (const part of list) {
    if (part instanceof BpfMap) part.get(new Uint8Array(part.keySize));
    if (part instanceof BpfProgram && part.fd < 0) throw new Error("a program lost its descriptor");
    if (part instanceof BpfObject) part.map("hash").set(1, new Uint8Array(8));
  }
}
use(kept);
if (addon().counts().objects !== 24) throw new Error("an object was collected while a part of it was held");
kept = [];
await collectUntil(() => addon().counts().objects === 0, "dropped objects are gone");

for (let i = 0; i < 50; i++) {
  BpfMap.create({ type: "hash", keySize: 4, valueSize: 4, maxEntries: 1 });
  loadProgram({ type: "socket_filter", instructions: returnZero, license: "GPL" });
}
await collectUntil(
  () => addon().counts().maps === 0 && addon().counts().programs === 0,
  "maps and programs are gone",
);
if (descriptors() !== before) throw new Error(`${descriptors()} descriptors, ${before} before`);

/** An attachment is an effect, and a reader a source of events: neither ends because nobody holds it. */
let records = 0;
function start(): void {
  const opened = BpfObject.open(`${folder}/attach.bpf.o`);
  opened.load();
  opened.program("on_raw").attach();
  const ring = BpfObject.open(`${folder}/ring.bpf.o`);
  ring.load();
  new RingBufferReader(ring.map("ring"), { onBatch: (_batch, count) => (records += count) }).unref();
  produce(ring, 10);
  const perf = BpfObject.open(`${folder}/perf.bpf.o`);
  perf.load();
  new PerfBufferReader(perf.map("events"), { onBatch: (_batch, count) => (records += count) }).unref();
  produce(perf, 10);
}
start();
await collectUntil(
  () => records === 20 && addon().counts().objects === 1,
  "the readers read, their objects are gone",
);
if (addon().counts().links !== 1 || addon().counts().readers !== 2)
  throw new Error("a link or a reader was collected");
console.log("collected");
