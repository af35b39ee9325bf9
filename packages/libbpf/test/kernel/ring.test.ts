import { expect, test } from "vitest";

import {
  BpfError,
  BpfObject,
  frames,
  RingBufferReader,
  type RingBufferReaderOptions,
} from "../../src/index.ts";
import { object } from "../compile.ts";
import { describeAsRoot, openDescriptors, rawArguments, readU64, until } from "./support.ts";

const BPF_RB_NO_WAKEUP = 1n;
const MAX_LENGTH = 262_144;

/** What every record has after its number and length. */
const pattern = Uint8Array.from({ length: MAX_LENGTH }, (_, index) => (index * 7 + (index >> 8)) & 255);

function open(maps: Record<string, { maxEntries: number }> = {}): BpfObject {
  const opened = BpfObject.open(object("ring"), { maps });
  opened.load();
  opened.map("scratch").set(0, pattern);
  return opened;
}

/** Submits records; throws when the ring had no room for all of them. */
function produce(opened: BpfObject, count: number, length = 64): void {
  opened.writeVariable("length", length);
  for (let left = count; left > 0; left -= 1000) {
    const run = opened.program("produce").testRun({ context: rawArguments(Math.min(left, 1000)) });
    if (run.returnValue !== 0) throw new Error("a record was not made");
  }
  if (readU64(opened.readVariable("refused")) !== 0n) throw new Error("the ring was full");
}

/** Collects the numbers of the records and checks that every record is whole. */
class Collector {
  readonly numbers: number[] = [];
  readonly batches: number[] = [];
  readonly onBatch: RingBufferReaderOptions["onBatch"] = (batch, records) => {
    let count = 0;
    for (const record of frames(batch)) {
      this.numbers.push(Number(readU64(record)));
      if (record.byteLength !== Number(readU64(record, 8))) throw new Error("a record of the wrong length");
      if (Buffer.compare(record.subarray(16), pattern.subarray(16, record.byteLength)) !== 0)
        throw new Error("torn");
      count++;
    }
    if (count !== records) throw new Error(`${count} frames, ${records} announced`);
    this.batches.push(records);
  };

  expectFirst(count: number): void {
    expect(this.numbers).toEqual(Array.from({ length: count }, (_, index) => index));
  }
}

function caught(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describeAsRoot("ring buffer reader", () => {
  test("many records: all of them, in order, in few calls", async () => {
    using opened = open();
    const collector = new Collector();
    // Without the timer, which on a slow machine is always the first to look.
    using reader = new RingBufferReader(opened.map("ring"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 0,
    });
    for (let round = 0; round < 20; round++) {
      produce(opened, 5000);
      await until(() => collector.numbers.length === (round + 1) * 5000, "all records arrived");
    }
    collector.expectFirst(100_000);
    const { stats } = reader;
    expect(stats).toMatchObject({ records: 100_000, bytes: 6_400_000, batches: collector.batches.length });
    expect(stats.batches).toBeLessThan(100);
    expect(stats.pollWakeups).toBeGreaterThan(0);
    reader.close();
    expect(reader.stats).toEqual(stats);
  });

  test("sizes around the padding, and across the ring's end", () => {
    using opened = open({ ring: { maxEntries: 1 << 14 } });
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), collector);
    let total = 0;
    for (let length = 16; length < 1200; length += 1) {
      produce(opened, 3, length);
      total += 3;
      reader.drain();
      expect(collector.numbers.length).toBe(total);
    }
    collector.expectFirst(total);
  });

  test("records larger than the batch, between small ones", async () => {
    using opened = open();
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), { onBatch: collector.onBatch, batchBytes: 4096 });
    const lengths = [64, 4088, 4089, 200_000, 16, 4080, MAX_LENGTH, 64, 64];
    for (const length of lengths) produce(opened, 1, length);
    await until(() => collector.numbers.length === lengths.length, "all records arrived");
    collector.expectFirst(lengths.length);
    expect(reader.stats.bytes).toBe(lengths.reduce((sum, length) => sum + length, 0));
  });

  test("records without a wake-up come by the timer; an idle ring costs no call", async () => {
    using opened = open();
    opened.writeVariable("flags", BPF_RB_NO_WAKEUP);
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 5,
    });
    await until(() => reader.stats.timerTicks >= 3, "the timer ran");
    expect(collector.batches).toEqual([]);
    produce(opened, 100);
    await until(() => collector.numbers.length === 100, "the records arrived");
    expect(reader.stats.timerWakeups).toBeGreaterThan(0);
  });

  test("the timer rests when nothing comes, and a wake-up brings it back", async () => {
    using opened = open();
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 1,
      restAfterMs: 20,
    });
    // A second reader's timer shows that time has passed on the loop.
    using clock = new RingBufferReader(opened.map("second"), {
      onBatch: () => undefined,
      flushIntervalMs: 1,
    });
    const pass = async (ticks: number): Promise<void> => {
      const end = clock.stats.timerTicks + ticks;
      await until(() => clock.stats.timerTicks >= end, "time passed");
    };
    await pass(100);
    const rested = reader.stats.timerTicks;
    await pass(50);
    expect(reader.stats.timerTicks).toBe(rested);

    produce(opened, 1);
    await until(() => collector.numbers.length === 1, "the wake-up came through");
    // Awake, it finds what nobody announces.
    opened.writeVariable("flags", BPF_RB_NO_WAKEUP);
    produce(opened, 1);
    await until(() => collector.numbers.length === 2, "the timer runs again");
    expect(reader.stats.timerTicks).toBeGreaterThan(rested);
  });

  test("records that come without a wake-up do not wake the poll", async () => {
    using opened = open();
    opened.writeVariable("flags", BPF_RB_NO_WAKEUP);
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 5,
    });
    for (let round = 1; round <= 20; round++) {
      produce(opened, 10);
      await until(() => collector.numbers.length === round * 10, "the records arrived");
    }
    expect(reader.stats.pollWakeups).toBe(0);
  });

  test("pause leaves the ring alone; drain and resume", async () => {
    using opened = open();
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 1,
    });
    // A second reader's timer shows that time has passed on the loop.
    using clock = new RingBufferReader(opened.map("second"), {
      onBatch: () => undefined,
      flushIntervalMs: 1,
    });
    reader.pause();
    reader.pause();
    expect(reader.bufferedBytes).toBe(0);
    produce(opened, 10);
    await until(() => clock.stats.timerTicks >= 5, "time passed");
    expect(collector.numbers).toEqual([]);
    // Each with a header of 8 bytes.
    expect(reader.bufferedBytes).toBeGreaterThan(10 * 8);
    reader.drain();
    expect(reader.bufferedBytes).toBe(0);
    expect(collector.numbers.length).toBe(10);
    produce(opened, 10);
    reader.resume();
    reader.resume();
    await until(() => collector.numbers.length === 20, "the rest arrived");
    collector.expectFirst(20);
  });

  test("pausing from inside the callback takes effect after that batch", () => {
    using opened = open();
    let calls = 0;
    using reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      onBatch: () => {
        calls++;
        expect(caught(() => reader.drain()).code).toBe("ERR_BPF_INVALID_STATE");
      },
    });
    produce(opened, 1000);
    reader.drain();
    expect(calls).toBeGreaterThan(10);
    expect(reader.stats.records).toBe(1000);
  });

  test("closing from inside the callback", async () => {
    using opened = open();
    let calls = 0;
    const reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      onBatch: () => {
        calls++;
        reader.close();
      },
    });
    produce(opened, 1000);
    await until(() => reader.closed, "the reader was closed");
    expect(calls).toBe(1);
    expect(caught(() => reader.drain()).code).toBe("ERR_BPF_CLOSED");
    reader.close();
  });

  test("what the callback throws goes to onError, and reading goes on", async () => {
    using opened = open();
    const collector = new Collector();
    const errors: unknown[] = [];
    using reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      onBatch: (batch, records) => {
        collector.onBatch(batch, records);
        throw new Error("from the callback");
      },
      onError: (error) => errors.push(error),
    });
    produce(opened, 500);
    await until(() => collector.numbers.length === 500, "all records arrived");
    collector.expectFirst(500);
    expect(errors.length).toBe(reader.stats.batches);
    expect(String(errors[0])).toContain("from the callback");
  });

  test("without onError, drain throws it and leaves the rest in the ring", () => {
    using opened = open();
    const collector = new Collector();
    let failures = 1;
    using reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      onBatch: (batch, records) => {
        collector.onBatch(batch, records);
        if (failures-- > 0) throw new Error("once");
      },
    });
    reader.pause();
    produce(opened, 500);
    expect(() => reader.drain()).toThrow("once");
    expect(collector.batches.length).toBe(1);
    reader.drain();
    collector.expectFirst(500);
  });

  test("a transferred batch buffer is replaced, not written to", () => {
    using opened = open();
    const collector = new Collector();
    const kept: ArrayBuffer[] = [];
    using reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      onBatch: (batch, records) => {
        collector.onBatch(batch, records);
        kept.push((batch.buffer as ArrayBuffer).transfer());
      },
    });
    produce(opened, 500);
    reader.drain();
    collector.expectFirst(500);
    const first = new DataView(kept[0] ?? new ArrayBuffer(0));
    expect([first.getUint32(0, true), first.getBigUint64(8, true)]).toEqual([64, 0n]);
  });

  test("other events get their turn between batches", async () => {
    using opened = open();
    const order: string[] = [];
    using reader = new RingBufferReader(opened.map("ring"), {
      batchBytes: 4096,
      batchesPerTurn: 2,
      onBatch: () => order.push("batch"),
    });
    produce(opened, 1000);
    const tick = (): void => {
      order.push("turn");
      if (reader.stats.records < 1000) setImmediate(tick);
    };
    setImmediate(tick);
    await until(() => reader.stats.records === 1000, "all records arrived");
    const runs = order
      .join(" ")
      .split("turn")
      .map((part) => part.trim().split(" ").filter(Boolean).length);
    // A poll event and a timer event may fall into one turn.
    expect(Math.max(...runs)).toBeLessThanOrEqual(4);
  });

  test("several maps in one reader", async () => {
    using opened = open();
    const collector = new Collector();
    using reader = new RingBufferReader([opened.map("ring"), opened.map("second")], {
      onBatch: collector.onBatch,
      batchBytes: 4096,
    });
    for (const toSecond of [false, true, false, true]) {
      opened.writeVariable("to_second", toSecond);
      produce(opened, 400);
    }
    await until(() => collector.numbers.length === 1600, "all records arrived");
    expect([...collector.numbers].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1600 }, (_, index) => index),
    );
    expect(reader.stats.records).toBe(1600);
  });

  test("discarded records are stepped over", () => {
    using opened = open();
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), collector);
    for (let i = 0; i < 20; i++) {
      opened.program("discard").testRun({ context: rawArguments() });
      produce(opened, 1);
    }
    reader.drain();
    collector.expectFirst(20);
  });

  test("a full ring refuses records, and the ones accepted are all delivered", () => {
    using opened = open({ ring: { maxEntries: 4096 } });
    const collector = new Collector();
    using reader = new RingBufferReader(opened.map("ring"), collector);
    opened.writeVariable("length", 64);
    opened.program("produce").testRun({ context: rawArguments(1000) });
    const refused = Number(readU64(opened.readVariable("refused")));
    expect(refused).toBeGreaterThan(900);
    reader.drain();
    collector.expectFirst(1000 - refused);
  });

  test("outlives its object, and leaves no descriptor", () => {
    const before = openDescriptors();
    const opened = open();
    const collector = new Collector();
    const reader = new RingBufferReader(opened.map("ring"), collector);
    produce(opened, 10);
    opened.close();
    reader.drain();
    collector.expectFirst(10);
    reader.close();
    expect(openDescriptors()).toBe(before);
  });

  test("arguments", () => {
    using opened = open();
    const onBatch = (): void => undefined;
    const start = (options: object, name = "ring"): string =>
      caught(() => new RingBufferReader(opened.map(name), { onBatch, ...options })).code;
    expect(start({}, "scratch")).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(start({ batchBytes: 100 })).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(start({ flushIntervalMs: -1 })).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(start({ onBatch: undefined })).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(caught(() => new RingBufferReader([], { onBatch })).code).toBe("ERR_BPF_INVALID_ARGUMENT");
    using unloaded = BpfObject.open(object("ring"));
    expect(caught(() => new RingBufferReader(unloaded.map("ring"), { onBatch })).code).toBe(
      "ERR_BPF_NOT_LOADED",
    );
  });
});
