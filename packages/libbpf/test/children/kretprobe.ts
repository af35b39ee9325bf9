// Attaches a return probe through tracefs, says so, and stays until it is killed.
import { writeSync } from "node:fs";

import { BpfObject } from "../../src/index.ts";

const opened = BpfObject.open(process.argv[2] ?? "", { programs: { on_return: { autoload: true } } });
opened.load();
const fn = process.argv[3] ?? "";
const link = opened.program("on_return").attachKprobe({ function: fn, retprobe: true, maxActive: 16 });
writeSync(1, link.method);
setInterval(() => undefined, 1000);
