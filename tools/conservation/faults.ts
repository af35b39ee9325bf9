import { setTimeout as delay } from "node:timers/promises";
import type { Watched } from "./processes.ts";

/** What a fault has in its hands. */
export interface Bench {
  collector: Watched;
  tapping: Watched;
  readonly proxy: { cut(): void; hush(): void; mend(): void };
  /** Resolves when this share of the traffic has been moved. */
  readonly reach: (share: number) => Promise<void>;
  /** Resolves when this share more has been moved, or there is no more. */
  readonly advance: (share: number) => Promise<void>;
  /** Starts another one, at the same address and with the same file, or with the same spool. */
  readonly collect: () => Promise<Watched>;
  readonly tap: () => Promise<Watched>;
  readonly end: (which: "tap" | "collector", signal: NodeJS.Signals) => Promise<void>;
  /** Notes in the journal where the traffic is. */
  readonly mark: () => Promise<void>;
  /** Gives the collector's disk all the room it needs. */
  readonly enlargeDisk: () => void;
}

/** Something that happens while traffic flows. */
export interface Fault {
  readonly name: string;
  /** More arguments. */
  readonly tap?: readonly string[];
  readonly collect?: readonly string[];
  /** Bytes of a disk of its own for the spool, and for what the collector writes. */
  readonly spoolDisk?: number;
  readonly collectorDisk?: number;
  readonly run: (bench: Bench) => Promise<void>;
  /** What must have been said, or declared, or the fault was none. */
  readonly proof?: { readonly tap?: RegExp; readonly collector?: RegExp; readonly declared?: string };
}

const MIB = 1024 * 1024;
const AWAY_MS = 1000;

async function killCollector(bench: Bench): Promise<void> {
  await bench.end("collector", "SIGKILL");
}

/** The collector is away for most of the time. */
async function withoutCollector(bench: Bench): Promise<void> {
  await bench.reach(0.2);
  await killCollector(bench);
  await bench.reach(0.8);
  bench.collector = await bench.collect();
  await bench.reach(1);
}

/** The marks tell what the dead tap can have had. */
async function replaceTap(bench: Bench): Promise<void> {
  await bench.end("tap", "SIGKILL");
  await bench.mark();
  bench.tapping = await bench.tap();
  await bench.mark();
}

async function fullDisk(bench: Bench): Promise<void> {
  await bench.reach(0.8);
  bench.enlargeDisk();
  await bench.reach(1);
}

const TRYING_AGAIN = /trying again/;
const DISK_FULL = /ENOSPC|no space left/;

export const FAULTS: readonly Fault[] = [
  { name: "none", run: (bench) => bench.reach(1) },
  {
    name: "collector killed, 5 times",
    run: async (bench) => {
      for (const share of [0.15, 0.3, 0.45, 0.6, 0.75]) {
        await bench.reach(share);
        await killCollector(bench);
        await delay(AWAY_MS);
        bench.collector = await bench.collect();
      }
      await bench.reach(1);
    },
    proof: { tap: TRYING_AGAIN },
  },
  {
    name: "network cut, 5 times",
    run: async (bench) => {
      for (const share of [0.1, 0.3, 0.5, 0.7, 0.9]) {
        await bench.reach(share);
        bench.proxy.cut();
        await bench.reach(share + 0.1);
        bench.proxy.mend();
      }
    },
    proof: { tap: TRYING_AGAIN },
  },
  {
    name: "network silent",
    run: async (bench) => {
      await bench.reach(0.2);
      bench.proxy.hush();
      await bench.reach(0.8);
      bench.proxy.mend();
      await bench.reach(1);
    },
    proof: { tap: TRYING_AGAIN },
  },
  {
    name: "collector away, spool of 8 MiB",
    tap: ["--spool-size", "8M"],
    run: withoutCollector,
    proof: { declared: "spool_full" },
  },
  {
    name: "collector away, spool's disk full (8 MiB)",
    spoolDisk: 8 * MIB,
    run: withoutCollector,
    proof: { tap: DISK_FULL, declared: "spool_full" },
  },
  {
    name: "collector's disk full (16 MiB)",
    collectorDisk: 16 * MIB,
    run: fullDisk,
    proof: { collector: DISK_FULL },
  },
  {
    name: "both disks full",
    ...{ spoolDisk: 8 * MIB, collectorDisk: 16 * MIB },
    run: fullDisk,
    proof: { tap: DISK_FULL, collector: DISK_FULL, declared: "spool_full" },
  },
  {
    name: "slow collector (1 MB/s), spool of 8 MiB",
    tap: ["--spool-size", "8M"],
    collect: ["--max-rate", "1000000"],
    run: (bench) => bench.reach(1),
    proof: { declared: "spool_full" },
  },
  {
    name: "tap killed, 3 times",
    run: async (bench) => {
      for (let round = 0; round < 3; round++) {
        await bench.advance(0.2);
        await replaceTap(bench);
      }
      await bench.reach(1);
    },
  },
  {
    name: "tap killed while the collector is away",
    run: async (bench) => {
      await bench.reach(0.2);
      await killCollector(bench);
      await bench.reach(0.5);
      await replaceTap(bench);
      await bench.reach(0.8);
      bench.collector = await bench.collect();
      await bench.reach(1);
    },
    proof: { tap: TRYING_AGAIN },
  },
];
