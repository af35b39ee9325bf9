import type { TapRecord } from "@tcptracker/events";
import { describe, expect, test } from "vitest";
import { dataRecord, openRecord } from "../test/support/records.ts";
import { runPipeline, type Sink, type Source, type Stage } from "./pipeline.ts";

function sourceOf(...batches: readonly (readonly TapRecord[] | Error)[]): Source {
  return {
    async *batches() {
      for (const batch of batches) {
        await Promise.resolve();
        if (batch instanceof Error) throw batch;
        yield batch;
      }
    },
  };
}

class Memory implements Sink {
  readonly events: (string | readonly TapRecord[])[] = [];
  readonly #fails: "write" | "close" | undefined;

  constructor(fails?: "write" | "close") {
    this.#fails = fails;
  }

  async write(records: readonly TapRecord[]): Promise<void> {
    await Promise.resolve();
    if (this.#fails === "write") throw new Error("cannot write");
    this.events.push(records);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.events.push("closed");
    if (this.#fails === "close") throw new Error("cannot close");
  }
}

const [a, b, c] = [openRecord(), dataRecord("b"), dataRecord("c")];
const onlyData: Stage = { process: (records) => records.filter(({ type }) => type === "data") };

test("every sink gets every batch, in order, and is closed at the end", async () => {
  const sinks = [new Memory(), new Memory()];
  await runPipeline(sourceOf([a, b], [c]), [], sinks);
  for (const { events } of sinks) expect(events).toEqual([[a, b], [c], "closed"]);
});

test("stages work in their order, and a batch that they empty goes no further", async () => {
  const twice: Stage = { process: (records) => records.flatMap((record) => [record, record]) };
  const sink = new Memory();
  await runPipeline(sourceOf([a], [a, b]), [onlyData, twice], [sink]);
  expect(sink.events).toEqual([[b, b], "closed"]);
  const first: Stage = { process: (records) => records.slice(0, 1) };
  const other = new Memory();
  await runPipeline(sourceOf([a, b]), [first, onlyData], [other]);
  expect(other.events).toEqual(["closed"]);
});

describe("sinks are closed when", () => {
  test("the source fails", async () => {
    const sinks = [new Memory(), new Memory()];
    await expect(runPipeline(sourceOf([a], new Error("source")), [], sinks)).rejects.toThrow("source");
    for (const { events } of sinks) expect(events).toEqual([[a], "closed"]);
  });

  test("a stage fails", async () => {
    const sink = new Memory();
    const broken: Stage = {
      process: () => {
        throw new Error("stage");
      },
    };
    await expect(runPipeline(sourceOf([a]), [broken], [sink])).rejects.toThrow("stage");
    expect(sink.events).toEqual(["closed"]);
  });

  test("another sink cannot write", async () => {
    const sinks = [new Memory("write"), new Memory()];
    await expect(runPipeline(sourceOf([a]), [], sinks)).rejects.toThrow("cannot write");
    expect(sinks.map(({ events }) => events)).toEqual([["closed"], ["closed"]]);
  });

  test("another sink cannot be closed", async () => {
    const sinks = [new Memory("close"), new Memory()];
    await expect(runPipeline(sourceOf([a]), [], sinks)).rejects.toThrow("cannot close");
    expect(sinks[1]?.events).toEqual([[a], "closed"]);
  });
});

test("what failed first is what is reported", async () => {
  const sinks = [new Memory("close")];
  await expect(runPipeline(sourceOf(new Error("source")), [], sinks)).rejects.toThrow("source");
});

test("a slow sink holds the source back", async () => {
  let taken = 0;
  const source: Source = {
    async *batches() {
      for (let i = 0; i < 3; i++) {
        await Promise.resolve();
        taken++;
        yield [a];
      }
    },
  };
  const gates: (() => void)[] = [];
  const slow: Sink = {
    write: () => new Promise((resolve) => gates.push(resolve)),
    close: () => Promise.resolve(),
  };
  const running = runPipeline(source, [], [slow]);
  for (const expected of [1, 2, 3]) {
    await new Promise(setImmediate);
    expect(taken).toBe(expected);
    gates.shift()?.();
  }
  await running;
});
