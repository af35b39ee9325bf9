// Exports to nobody, with a spool on a disk that takes new files and little in them; says what became of it, as JSON.
//
//   node full-disk.ts DIRECTORY      with a limit of the size of files
import { GrpcExporter } from "../../src/exporter.ts";
import { readResource } from "../../src/resource.ts";
import { Traffic } from "../support/records.ts";

const MIB = 1024 * 1024;
const problems: string[] = [];
const exporter = await GrpcExporter.start({
  ...{ target: { host: "127.0.0.1", port: 1 }, resource: readResource("0.0.0-test") },
  ...{ spool: process.argv[2] ?? "", queueBytes: MIB },
  onEvent: (event) => {
    if (event.type === "problem") problems.push(event.error.message);
  },
});
const traffic = new Traffic();
for (let batch = 0; batch < 20; batch++) {
  await exporter.write(traffic.many(20, 8000));
  await exporter.flush();
}
const { losses } = exporter.statistics();
const left = await exporter.close(0);
console.log(
  JSON.stringify({ problems, lost: losses.spool_full.batches, left, moved: Number(traffic.bytes) }),
);
