/** What happens when the few bytes of a spool's state cannot be written. */
import type * as nodeFs from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GrpcCollector } from "../src/collector/collector.ts";
import { GrpcExporter } from "../src/exporter.ts";
import type { ExporterEvent } from "../src/options.ts";
import { readResource } from "../src/resource.ts";
import { account, Traffic } from "./support/records.ts";
import { MemorySink } from "./support/sink.ts";
import { until } from "./support/until.ts";

const disk = vi.hoisted(() => ({ broken: false }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof nodeFs>();
  const writeSync = (...args: Parameters<typeof fs.writeSync>): number => {
    if (disk.broken) throw new Error("EIO: i/o error, write");
    return fs.writeSync(...args);
  };
  return { ...fs, writeSync };
});

let directory = "";
let sink = new MemorySink();
let events: ExporterEvent[] = [];
let collector: GrpcCollector | undefined;
let exporter: GrpcExporter | undefined;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-state-"));
  [sink, events, disk.broken] = [new MemorySink(), [], false];
  collector = await GrpcCollector.start({ listen: { host: "127.0.0.1", port: 0 }, sink });
  exporter = await GrpcExporter.start({
    target: collector.address,
    resource: readResource("0.0.0-test"),
    spool: directory,
    batchAgeMs: 5,
    backoff: { first: 5, most: 50 },
    onEvent: (event) => events.push(event),
  });
});
afterEach(async () => {
  await exporter?.close(0);
  await collector?.close();
  rmSync(directory, { recursive: true });
});

const problems = (): string[] => events.flatMap((event) => ("error" in event ? [event.error.message] : []));

test("nothing is sent that could not be noted before, and all of it when it can", async () => {
  const traffic = new Traffic();
  disk.broken = true;
  await exporter?.write(traffic.many(10, 1000));
  await until("it has tried twice", () => (exporter?.statistics().failures.ERR_EXPORT_SPOOL ?? 0) > 1);
  expect(sink.batches).toEqual([]);
  expect(problems()[0]).toContain("cannot note in the spool what is sent: EIO");
  disk.broken = false;
  await exporter?.write(traffic.many(10, 1000));
  expect(await exporter?.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });
});

test("an acknowledgement that cannot be noted is told, and the session goes on", async () => {
  const traffic = new Traffic();
  sink.gate = () => {
    disk.broken = true;
    return Promise.resolve();
  };
  await exporter?.write([traffic.next(1000)]);
  await until("it is acknowledged", () => exporter?.statistics().acknowledged === 1);
  expect(problems()).toEqual([expect.stringMatching(/cannot write to the spool \S+: EIO: /)]);
  sink.gate = () => Promise.resolve();
  disk.broken = false;
  await exporter?.write([traffic.next(1000)]);
  expect(await exporter?.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });
  expect(exporter?.statistics().connections).toBe(1);
});
