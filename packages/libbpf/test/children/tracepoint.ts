// Attaches to a tracepoint and prints what happened, as JSON. Run as a child: it needs tracefs.
import { statSync } from "node:fs";

import { BpfError, BpfObject } from "../../src/index.ts";

const { dev, ino } = statSync("/proc/self/ns/pid");
const opened = BpfObject.open(process.argv[2] ?? "", {
  rodata: { only_tgid: process.pid, namespace_dev: dev, namespace_ino: ino },
});
opened.load();
const program = opened.program("on_tracepoint");
const hits = (): number => Number(new DataView(opened.readVariable("hits").buffer).getBigUint64(0, true));

function count(): number {
  const before = hits();
  // Reading process.ppid is a getppid call.
  for (let i = 0; i < 10; i++) if (process.ppid < 0) throw new Error("no parent");
  return hits() - before;
}

const bySection = program.attach();
const first = count();
bySection.close();
const byName = program.attachTracepoint("syscalls", "sys_enter_getppid");
const second = count();
byName.close();
const detached = count();
let missing = "";
try {
  program.attachTracepoint("syscalls", "no_such");
} catch (error) {
  missing = error instanceof BpfError ? error.code : String(error);
}
opened.close();
console.log(JSON.stringify({ bySection: first, byName: second, detached, missing }));
