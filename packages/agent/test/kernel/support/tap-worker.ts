// A tap in a worker thread: says when it taps, and at the end which paths it saw.
import { parentPort, workerData } from "node:worker_threads";
import { Tap } from "../../../src/index.ts";

const { port } = workerData as { port: number };
const tap = Tap.start();
parentPort?.postMessage("tapping");
const seen: string[] = [];
for await (const record of tap) {
  if (record.type !== "data" || record.remote.port !== port || record.direction !== "egress") continue;
  const path = /^GET (\S+)/.exec(Buffer.from(record.payload ?? []).toString())?.[1];
  if (path === "/stop") break;
  if (path !== undefined) seen.push(path);
}
await tap.stop();
parentPort?.postMessage(seen);
