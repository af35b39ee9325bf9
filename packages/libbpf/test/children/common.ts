import { statSync } from "node:fs";

import { BpfObject, PerfBufferReader, RingBufferReader } from "../../src/index.ts";

/** Everything a process can hold. */
export interface Busy {
  attach: BpfObject;
  ring: BpfObject;
  reader: RingBufferReader;
  perf: BpfObject;
  perfReader: PerfBufferReader;
}

/** Opens an object with links, and readers. */
export function busy(folder: string): Busy {
  const { dev, ino } = statSync("/proc/self/ns/pid");
  const attach = BpfObject.open(`${folder}/attach.bpf.o`, {
    rodata: { only_tgid: process.pid, namespace_dev: dev, namespace_ino: ino },
  });
  attach.load();
  attach.program("on_raw").attach();
  attach.program("on_btf").attach();
  attach.program("on_uprobe").attachUprobe({ path: "libc.so.6", symbol: "getppid", pid: 0 });
  const ring = BpfObject.open(`${folder}/ring.bpf.o`);
  ring.load();
  const reader = new RingBufferReader(ring.map("ring"), { onBatch: () => undefined, flushIntervalMs: 1 });
  const perf = BpfObject.open(`${folder}/perf.bpf.o`);
  perf.load();
  const perfReader = new PerfBufferReader(perf.map("events"), {
    onBatch: () => undefined,
    flushIntervalMs: 1,
    orderAt: 8,
  });
  produce(perf, 1000);
  return { attach, ring, reader, perf, perfReader };
}

export function produce(ring: BpfObject, count: number): void {
  ring.program("produce").testRun({ context: new Uint8Array(BigUint64Array.of(BigInt(count), 0n).buffer) });
}
