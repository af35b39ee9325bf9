// Ends in the way the first argument says, with everything still open. Prints the ids of its programs first.
import { writeSync } from "node:fs";

import { PerfBufferReader, RingBufferReader } from "../../src/index.ts";
import { busy, produce } from "./common.ts";

const [how, folder = ""] = process.argv.slice(2);
const { attach, ring, reader, perf, perfReader } = busy(folder);
const ids = [attach, ring, perf]
  .flatMap((object) => [...object.programs.values()])
  .filter((program) => program.fd >= 0);
writeSync(1, JSON.stringify(ids.map((program) => program.id)));

switch (how) {
  case "return":
    reader.unref();
    perfReader.unref();
    break;
  case "exit":
    process.exit(0);
    break;
  case "exit-in-callback": {
    reader.close();
    new RingBufferReader(ring.map("ring"), { onBatch: () => process.exit(0) });
    produce(ring, 100);
    break;
  }
  case "exit-in-perf-callback": {
    perfReader.close();
    new PerfBufferReader(perf.map("events"), { onBatch: () => process.exit(0) });
    produce(perf, 100);
    break;
  }
  case "throw-in-callback": {
    reader.close();
    new RingBufferReader(ring.map("ring"), {
      onBatch: () => {
        throw new Error("uncaught on purpose");
      },
    });
    produce(ring, 100);
    break;
  }
  case "survive-throw": {
    reader.close();
    perfReader.close();
    let batches = 0;
    let errors = 0;
    const second = new RingBufferReader(ring.map("ring"), {
      batchBytes: 4096,
      onBatch: () => {
        batches++;
        throw new Error("handled on purpose");
      },
    });
    process.on("uncaughtException", () => {
      errors++;
      if (second.stats.records < 1000) return;
      if (errors !== batches) process.exit(3);
      second.close();
      attach.close();
      ring.close();
    });
    produce(ring, 1000);
    break;
  }
  case "close-then-return":
    reader.close();
    perfReader.close();
    perf.close();
    ring.close();
    attach.close();
    break;
  case "sigkill":
    process.kill(process.pid, "SIGKILL");
    break;
  default:
    process.exit(2);
}
