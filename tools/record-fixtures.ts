// `npm run record-fixtures` (as root): records real traffic for the decoder's tests and fuzzer, to be done again when
// the record layout changes. Only the records of the traffic generator are kept.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { RecordCursor } from "@tcptracker/events";
import { frameBytes, FRAME_HEADER_BYTES, frames, RingBufferReader } from "@tcptracker/libbpf";
import { Probe } from "../packages/agent/src/kernel/probe.ts";
import { resolveOptions } from "../packages/agent/src/options.ts";
import { runTraffic } from "../packages/agent/test/traffic/program.ts";

/** Between them: every record type, both families, several system calls, and gaps of four causes. */
const SCENARIOS = [
  ["--mode", "pair", "--send", "writev", "--receive", "recvfrom", "--size", "600", "--segments", "7"],
  ["--mode", "pair", "--send", "sendmsg", "--receive", "recvmsg", "--size", "5000", "--family", "6"],
  ["--mode", "pair", "--send", "sendmmsg", "--receive", "recvmmsg", "--size", "300", "--family", "mapped"],
  ["--mode", "pair", "--send", "sendfile", "--receive", "read", "--size", "2000"],
  ["--mode", "pair", "--send", "splice", "--receive", "splice", "--size", "2000"],
  ["--mode", "trunc", "--send", "sendto", "--receive", "recvfrom", "--size", "800"],
  ["--mode", "churn", "--connections", "20"],
] as const;

/** Captures less than the largest call moves, so that there are `snaplen` gaps. */
const SNAPLEN = 4096;

function frame(record: Uint8Array): Uint8Array {
  const framed = new Uint8Array(frameBytes(record.length));
  new DataView(framed.buffer).setUint32(0, record.length, true);
  framed.set(record, FRAME_HEADER_BYTES);
  return framed;
}

const probe = Probe.open(resolveOptions({ snaplen: SNAPLEN }));
const kept: Uint8Array[] = [];
const cursor = new RecordCursor();
const reader = new RingBufferReader(probe.ring, {
  onBatch: (batch) => {
    for (const record of frames(batch)) {
      const framed = frame(record);
      cursor.reset(framed);
      if (cursor.next() && cursor.processName.startsWith("traffic")) kept.push(framed);
    }
  },
});
for (const scenario of SCENARIOS) await runTraffic(scenario);
reader.drain();
reader.close();
probe.close();
const file = join(import.meta.dirname, "../packages/events/fixtures/traffic.bin");
writeFileSync(file, Buffer.concat(kept));
console.log(`${kept.length} records in ${file}`);
