/**
 * Exports to nobody, by way of a spool, until it is killed. Prints how many bytes are in it, after each flush.
 *
 *   node spooler.ts DIRECTORY
 */
import { GrpcExporter } from "../../src/exporter.ts";
import { readResource } from "../../src/resource.ts";
import { Traffic } from "../support/records.ts";

const exporter = await GrpcExporter.start({
  target: { host: "127.0.0.1", port: 1 },
  resource: readResource("0.0.0-test"),
  ...(process.argv[2] === undefined ? {} : { spool: process.argv[2] }),
});
const traffic = new Traffic();
for (let round = 0; round < 100_000; round++) {
  await exporter.write(traffic.many(20, 1500));
  await exporter.flush();
  process.stdout.write(`${traffic.bytes}\n`);
}
