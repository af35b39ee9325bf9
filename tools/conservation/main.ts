/**
 * Whether each byte that is moved is delivered or declared missing, whatever happens between tap and collector:
 * real traffic, a real tap, a real collector, and faults.
 *
 *   node --conditions=@tcptracker/source tools/conservation/main.ts [--seconds 10] [--rate 4000000] [--only FAULT]
 *
 * Needs root and the build. Exit codes: 0 nothing unaccounted and nothing twice, 1 otherwise, 2 wrong usage.
 */
import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { fromJson, type TapRecord } from "@tcptracker/events";
import { accountFor } from "./account.ts";
import { FAULTS, type Bench, type Fault } from "./faults.ts";
import { Watched } from "./processes.ts";
import { Proxy } from "./proxy.ts";
import { printTable, type Row } from "./table.ts";
import type { Moved } from "./traffic.ts";

const ROOT = join(import.meta.dirname, "../..");
const COMMAND = join(ROOT, "packages/agent/bin/tcptracker.js");
const PKI = join(ROOT, "packages/grpc-exporter/test/support/pki.ts");

const { values } = parseArgs({
  options: { seconds: { type: "string" }, rate: { type: "string" }, only: { type: "string" } },
});
const seconds = Number(values.seconds ?? "10");
const rate = Number(values.rate ?? "4000000");

async function run(fault: Fault): Promise<Row> {
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-conservation-"));
  const file = (name: string): string => join(directory, name);
  execFileSync(process.execPath, [PKI, directory]);
  mkdirSync(file("spool"));
  if (fault.spoolDisk !== undefined)
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${fault.spoolDisk}`, "tmpfs", file("spool")]);
  const tls = ["--tls-cert", file("server.pem"), "--tls-key", file("server-key.pem")];
  const peaks = { tap: 0, collector: 0 };
  let proxy: Proxy | undefined;
  let at = 0;

  const collect = async (...args: readonly string[]): Promise<Watched> => {
    const collector = new Watched([
      ...[COMMAND, "collect", "--listen", `127.0.0.1:${at}`, "--json", "--output", file("records.json")],
      ...[...tls, ...args],
    ]);
    await collector.says("collecting on");
    at = Number(/collecting on \S+:(\d+)/.exec(collector.errors)?.[1]);
    return collector;
  };
  const tap = async (...args: readonly string[]): Promise<Watched> => {
    proxy ??= await Proxy.to(at);
    const tapping = new Watched([
      ...[COMMAND, "tap", "--export", `127.0.0.1:${proxy.port}`, "--tls-ca", file("ca.pem")],
      ...["--spool", file("spool"), ...(fault.tap ?? []), ...args],
    ]);
    await tapping.says("tapping");
    return tapping;
  };

  try {
    const bench: Bench = {
      ...{ seconds, collect, tap },
      collector: await collect(...(fault.collect ?? [])),
      proxy: { cut: () => proxy?.cut(), mend: () => proxy?.mend() },
      tapping: await tap(),
      traffic: new Watched([join(import.meta.dirname, "traffic.ts"), "16", String(rate)]),
      end: async (which, signal) => {
        const watched = bench[which === "tap" ? "tapping" : "collector"];
        await watched.end(signal);
        peaks[which] = Math.max(peaks[which], watched.peakMiB);
        return watched;
      },
    };
    await bench.traffic.says("ready");
    await fault.run(bench);
    bench.traffic.tell("stop");
    await bench.traffic.end();
    // The last records leave the kernel.
    await delay(1000);
    let last = await bench.end("tap", "SIGINT");
    await bench.end("collector", "SIGINT");
    bench.collector = await collect();
    // What waits in the spool goes with the next export.
    for (let tries = 0; tries < 20 && last.errors.includes("not delivered yet"); tries++) {
      bench.tapping = await tap("--duration", "2s");
      last = await bench.end("tap");
    }
    await bench.end("collector", "SIGINT");
    const moved = JSON.parse(bench.traffic.said.split("\n").at(-2) ?? "[]") as Moved[];
    const records: TapRecord[] = [];
    for await (const line of createInterface({ input: createReadStream(file("records.json")) }))
      records.push(fromJson(line));
    return { fault: fault.name, ...accountFor(records, moved), ...peaks };
  } finally {
    await Watched.killAll();
    proxy?.close();
    if (fault.spoolDisk !== undefined) execFileSync("umount", ["--lazy", file("spool")]);
    rmSync(directory, { recursive: true });
  }
}

if (process.getuid?.() !== 0) {
  console.error("a tap needs root");
  process.exitCode = 2;
} else {
  const rows: Row[] = [];
  for (const fault of FAULTS.filter(({ name }) => values.only === undefined || name === values.only)) {
    console.error(`${fault.name} …`);
    rows.push(await run(fault));
  }
  printTable(rows);
  const sound =
    rows.length > 0 && rows.every(({ unaccounted, duplicate }) => unaccounted === 0 && duplicate === 0);
  process.exitCode = sound ? 0 : 1;
}
