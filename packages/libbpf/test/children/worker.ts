// A worker that opens everything, reads, and then ends as it was told.
import { parentPort, workerData } from "node:worker_threads";

import { RingBufferReader } from "../../src/index.ts";
import { busy, produce } from "./common.ts";

const { how, folder } = workerData as { how: "close" | "exit" | "stay"; folder: string };
const { attach, ring, reader, perf, perfReader } = busy(folder);
reader.close();
let records = 0;
const second = new RingBufferReader(ring.map("ring"), {
  batchBytes: 4096,
  onBatch: (_batch, count) => {
    records += count;
    if (records === 1000) finish();
  },
});
produce(ring, 1000);

function finish(): void {
  parentPort?.postMessage(records);
  if (how === "exit") process.exit(0);
  if (how === "stay") return;
  second.close();
  perfReader.close();
  perf.close();
  attach.close();
  ring.close();
}
