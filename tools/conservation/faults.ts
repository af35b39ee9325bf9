import { setTimeout as delay } from "node:timers/promises";
import type { Watched } from "./processes.ts";

/** What a fault has in its hands. */
export interface Bench {
  readonly seconds: number;
  readonly traffic: Watched;
  collector: Watched;
  tapping: Watched;
  readonly proxy: { cut(): void; mend(): void };
  /** Starts another one, at the same address and with the same file. */
  readonly collect: (...args: readonly string[]) => Promise<Watched>;
  readonly tap: (...args: readonly string[]) => Promise<Watched>;
  readonly end: (which: "tap" | "collector", signal?: NodeJS.Signals) => Promise<Watched>;
}

/** Something that happens while traffic flows. */
export interface Fault {
  readonly name: string;
  /** More arguments. */
  readonly tap?: readonly string[];
  readonly collect?: readonly string[];
  /** Bytes of a disk of its own for the spool. */
  readonly spoolDisk?: number;
  readonly run: (bench: Bench) => Promise<void>;
}

const MIB = 1024 * 1024;

async function killCollector(bench: Bench): Promise<void> {
  await bench.end("collector", "SIGKILL");
}

/** The collector is away for most of the time. */
async function withoutCollector(bench: Bench): Promise<void> {
  const part = (bench.seconds * 1000) / 5;
  await delay(part);
  await killCollector(bench);
  await delay(3 * part);
  bench.collector = await bench.collect();
  await delay(part);
}

export const FAULTS: readonly Fault[] = [
  { name: "none", run: (bench) => delay(bench.seconds * 1000) },
  {
    name: "collector killed, 5 times",
    run: async (bench) => {
      for (let round = 0; round < 5; round++) {
        await delay((bench.seconds * 1000) / 5);
        await killCollector(bench);
        bench.collector = await bench.collect();
      }
    },
  },
  {
    name: "network cut, 3 times",
    run: async (bench) => {
      for (let round = 0; round < 3; round++) {
        await delay((bench.seconds * 1000) / 6);
        bench.proxy.cut();
        await delay((bench.seconds * 1000) / 6);
        bench.proxy.mend();
      }
    },
  },
  { name: "collector away, spool of 8 MiB", tap: ["--spool-size", "8M"], run: withoutCollector },
  { name: "collector away, disk of 8 MiB", spoolDisk: 8 * MIB, run: withoutCollector },
  {
    name: "slow collector, spool of 8 MiB",
    tap: ["--spool-size", "8M"],
    collect: ["--max-rate", "500000"],
    run: (bench) => delay(bench.seconds * 1000),
  },
  {
    name: "tap killed, its spool full of batches",
    run: async (bench) => {
      await killCollector(bench);
      await delay((bench.seconds * 1000) / 2);
      // What a killed process had in memory is lost: so it has nothing there.
      bench.traffic.tell("pause");
      await delay(1500);
      await bench.end("tap", "SIGKILL");
      bench.tapping = await bench.tap();
      bench.collector = await bench.collect();
      bench.traffic.tell("go");
      await delay((bench.seconds * 1000) / 2);
    },
  },
];
