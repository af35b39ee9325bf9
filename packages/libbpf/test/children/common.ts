import { statSync } from "node:fs";

import { BpfObject, RingBufferReader } from "../../src/index.ts";

/** Opens everything a process can hold: an object with links, and a reader. */
export function busy(folder: string): { attach: BpfObject; ring: BpfObject; reader: RingBufferReader } {
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
  return { attach, ring, reader };
}

export function produce(ring: BpfObject, count: number): void {
  ring.program("produce").testRun({ context: new Uint8Array(BigUint64Array.of(BigInt(count), 0n).buffer) });
}
