/** One run of one workload: captured and tapped at the same time, then compared. */
import { mkdirSync, rmSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Tap, type TapOptions, type TapStatistics } from "@tcptracker/agent";
import { toJson } from "@tcptracker/events";
import { Capture } from "./capture.ts";
import { Children } from "./children.ts";
import { compareAll, type Comparison } from "./match.ts";
import { isQuiet } from "./sockets.ts";
import { TappedEnds } from "./tapped.ts";
import { until } from "./until.ts";
import { readCapture } from "./wire/read-capture.ts";
import { Stage, type Workload } from "./workload.ts";

export interface MeasureOptions {
  readonly tap: TapOptions;
  /** Where the capture, the logs and (with `keepRecords`) the records go. */
  readonly directory: string;
  readonly keepRecords: boolean;
  /** Called with what can end every program of the run at once. */
  readonly onChildren: (children: Children) => void;
}

export interface Measurement extends Comparison {
  /** Packets that tcpdump did not get. */
  readonly dropped: number;
  /** Bytes that the tap's records tell twice. */
  readonly repeatedBytes: number;
  readonly statistics: TapStatistics;
  /** Whether the tap can read what sendfile sends. */
  readonly readsPages: boolean;
  readonly seconds: number;
}

/** More than any call of the workloads moves, and than any workload: whether bytes are right is the question, not speed. */
const WHOLE = { snaplen: 64 * 1024 * 1024, bufferSize: 256 * 1024 * 1024 };

/** How long connections may take to end after the programs that made them, in seconds. */
const SETTLE_SECONDS = 20;

/** A tap whose records of some ports are collected as they come. */
class Tapping {
  readonly ends: TappedEnds;
  readonly #tap: Tap;
  readonly #done: Promise<void>;
  readonly #file: string | undefined;

  constructor(options: TapOptions, ports: readonly number[], file: string | undefined) {
    this.ends = new TappedEnds(ports);
    this.#file = file;
    this.#tap = Tap.start(options);
    this.#done = this.#collect();
    // What goes wrong is told by stop(), which is sure to come.
    this.#done.catch(() => undefined);
  }

  get readsPages(): boolean {
    return this.#tap.pageCache.seen;
  }

  async stop(): Promise<TapStatistics> {
    await this.#tap.stop();
    await this.#done;
    return this.#tap.statistics();
  }

  async #collect(): Promise<void> {
    for await (const records of this.#tap.batches()) {
      for (const record of records) this.ends.add(record);
      if (this.#file === undefined) continue;
      const ours = records.filter((record) => this.ends.isOurs(record));
      await appendFile(this.#file, ours.map((record) => `${toJson(record)}\n`).join(""));
    }
  }
}

/** Runs a workload once. */
export async function measure(workload: Workload, options: MeasureOptions): Promise<Measurement> {
  const began = performance.now();
  const { directory } = options;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await using children = new Children(directory);
  options.onChildren(children);
  const stage = new Stage(directory, children);
  const drive = await workload.prepare(stage);
  const { ports } = stage;
  const capture = await Capture.start(children, join(directory, "capture.pcap"), ports);
  const records = options.keepRecords ? join(directory, "records.ndjson") : undefined;
  const tapping = new Tapping({ ...WHOLE, ...options.tap, ...workload.tap }, ports, records);
  let statistics: TapStatistics;
  try {
    await drive();
    await until("every connection has ended", () => isQuiet(ports), SETTLE_SECONDS);
    // The last record of a connection is written by the call that ends it, which may not have returned yet.
    await delay(50);
  } finally {
    statistics = await tapping.stop();
  }
  const dropped = await capture.stop();
  const wire = await readCapture(capture.file, ports);
  const comparison = compareAll(wire, tapping.ends.finish());
  const { readsPages } = tapping;
  const { repeatedBytes } = tapping.ends;
  const seconds = (performance.now() - began) / 1000;
  return { ...comparison, dropped, repeatedBytes, statistics, readsPages, seconds };
}
