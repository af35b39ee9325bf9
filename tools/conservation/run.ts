/** One fault, with a tap, a collector and traffic of its own. */
import { execFileSync } from "node:child_process";
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fromJson } from "@tcptracker/events";
import { Accountant, type Account } from "./account.ts";
import type { Bench, Fault } from "./faults.ts";
import { countCalls, type Journal } from "./journal.ts";
import type { Memory } from "./memory.ts";
import { Watched } from "./processes.ts";
import { Proxy } from "./proxy.ts";

const ROOT = join(import.meta.dirname, "../..");
const COMMAND = join(ROOT, "packages/agent/bin/tcptracker.js");
const PKI = join(ROOT, "packages/grpc-exporter/test/support/pki.ts");
const CONNECTIONS = 16;
/** Times that the rest of a spool is sent, a few seconds each, before it counts as stuck. */
const MOST_DRAINS = 20;
/** A machine may be slow, but not by this factor. */
const PATIENCE = 10;

/** How much traffic. */
export interface Load {
  readonly calls: number;
  readonly seconds: number;
}

/** What a fault has led to. */
export interface Result extends Account {
  readonly fault: string;
  /** Calls that moved bytes: each of them an event. */
  readonly calls: number;
  /** How long they took. */
  readonly seconds: number;
  /** Batches that were sent again, by taps that could still say so. */
  readonly sentAgain: number;
  readonly tap: Memory;
  readonly collector: Memory;
  /** What all taps, one after the other, have said. */
  readonly tapSaid: string;
  /** Why the fault was none: nobody has said or declared what it must lead to. */
  readonly unproven: readonly string[];
}

/** What was said and taken by all taps, or all collectors, of a run. */
class Kept {
  errors = "";
  idle = 0;
  peak = 0;
  end = 0;

  keep(watched: Watched): void {
    this.errors += watched.errors;
    this.peak = Math.max(this.peak, watched.peakMiB);
    this.end = watched.residentMiB;
  }

  get memory(): Memory {
    const { idle, peak, end } = this;
    return { idle, peak, end };
  }
}

/** A disk of its own, so that it can be full. */
function mountDisk(directory: string, bytes: number): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", directory]);
}

/** Runs it, and says what became of every byte. */
export async function runFault(fault: Fault, load: Load): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-conservation-"));
  const file = (name: string): string => join(directory, name);
  const disks: string[] = [];
  execFileSync(process.execPath, [PKI, directory]);
  for (const [name, bytes] of [
    ["spool", fault.spoolDisk],
    ["received", fault.collectorDisk],
  ] as const) {
    mkdirSync(file(name));
    if (bytes === undefined) continue;
    mountDisk(file(name), bytes);
    disks.push(file(name));
  }
  const output = join(file("received"), "records.json");
  const kept = { tap: new Kept(), collector: new Kept() };
  const tls = ["--tls-cert", file("server.pem"), "--tls-key", file("server-key.pem")];
  let proxy: Proxy | undefined;
  let at = 0;
  let port = 0;

  const collect = async (...args: readonly string[]): Promise<Watched> => {
    const collector = new Watched([
      ...[COMMAND, "collect", "--listen", `127.0.0.1:${at}`, "--json", "--output", output],
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
      // What arrives is compared with what was sent. Not tapped is what the host does beside: also this export, beyond the
      // proxy, which would be exported again and again.
      ...["--redact", "none", "--filter", `local.port == ${port} || remote.port == ${port}`],
      ...["--spool", file("spool"), ...(fault.tap ?? []), ...args],
    ]);
    await tapping.says("tapping");
    return tapping;
  };

  try {
    const traffic = new Watched([
      ...[join(import.meta.dirname, "traffic.ts"), String(CONNECTIONS), String(load.calls)],
      ...[String(load.calls / load.seconds), file("journal.json")],
    ]);
    await traffic.says("listening");
    port = Number(/listening (\d+)/.exec(traffic.said)?.[1]);
    const collector = await collect(...(fault.collect ?? []));
    const tapping = await tap();
    // Their memory is looked at a few times before there is any traffic.
    await delay(1000);
    [kept.tap.idle, kept.collector.idle] = [tapping.residentMiB, collector.residentMiB];
    const reach = async (share: number): Promise<void> => {
      const calls = share * load.calls;
      await traffic.shows(`${calls} calls`, () => callsSoFar(traffic) >= calls, PATIENCE * load.seconds);
    };
    let marks = 0;
    const bench: Bench = {
      ...{ collector, tapping, collect, tap },
      proxy: {
        cut: () => proxy?.cut(),
        hush: () => proxy?.hush(),
        mend: () => proxy?.mend(),
      },
      reach,
      advance: (share) => reach(Math.min(1, callsSoFar(traffic) / load.calls + share)),
      end: async (which, signal) => {
        const watched = bench[which === "tap" ? "tapping" : "collector"];
        await watched.end(signal);
        kept[which].keep(watched);
      },
      mark: async () => {
        traffic.tell("mark");
        await traffic.says(`marked ${++marks}`);
      },
      enlargeDisk: () => {
        execFileSync("mount", ["-o", "remount,size=8G", file("received")]);
      },
    };
    traffic.tell("go");
    const began = performance.now();
    await fault.run(bench);
    const seconds = (performance.now() - began) / 1000;
    traffic.tell("stop");
    await traffic.end();
    // The last records leave the kernel.
    await delay(1000);
    await bench.end("tap", "SIGINT");
    await bench.end("collector", "SIGINT");
    await sendRest(bench.tapping, collect, tap);
    const journal = JSON.parse(readFileSync(file("journal.json"), "utf8")) as Journal;
    const accountant = new Accountant(journal);
    for await (const line of createInterface({ input: createReadStream(output) }))
      accountant.add(fromJson(line));
    const account = accountant.close();
    return {
      ...{ fault: fault.name, calls: countCalls(journal), seconds, ...account },
      ...{ sentAgain: sentAgain(kept.tap.errors), tapSaid: kept.tap.errors },
      ...{ tap: kept.tap.memory, collector: kept.collector.memory },
      unproven: unproven(fault, kept.tap.errors, kept.collector.errors, account),
    };
  } finally {
    await Watched.killAll();
    proxy?.close();
    for (const disk of disks) execFileSync("umount", ["--lazy", disk]);
    rmSync(directory, { recursive: true });
  }
}

/** What waits in the spool goes with the next export. */
async function sendRest(
  last: Watched,
  collect: () => Promise<Watched>,
  tap: (...args: readonly string[]) => Promise<Watched>,
): Promise<void> {
  const collector = await collect();
  for (let tries = 0; tries < MOST_DRAINS && last.errors.includes("not delivered yet"); tries++) {
    last = await tap("--duration", "2s");
    await last.end();
  }
  await collector.end("SIGINT");
}

function callsSoFar(traffic: Watched): number {
  return Number([...traffic.said.matchAll(/^calls (\d+)$/gm)].at(-1)?.[1] ?? 0);
}

function sentAgain(errors: string): number {
  return [...errors.matchAll(/, (\d+) sent again/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

function unproven({ proof = {} }: Fault, tap: string, collector: string, account: Account): string[] {
  const missing: string[] = [];
  if (proof.tap?.test(tap) === false) missing.push(`no tap has said ${proof.tap}`);
  if (proof.collector?.test(collector) === false) missing.push(`no collector has said ${proof.collector}`);
  if (proof.declared !== undefined && (account.declared[proof.declared] ?? 0) === 0)
    missing.push(`nothing was declared as ${proof.declared}`);
  return missing;
}
