import { expect, test } from "vitest";

import { PerfBufferReader, RingBufferReader } from "../../src/index.ts";
import { describeAsRoot, openDescriptors, readU64, until } from "./support.ts";
import { cpus, MAX_PERF_RECORD, open, PerfCollector, perfError, produce } from "./perf-support.ts";

const lengthAt = 16;
const orderAt = 8;

describeAsRoot("perf buffer reader", () => {
  test("many records of every CPU: all of them, in order, in few calls", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, lengthAt });
    for (let round = 1; round <= 20; round++) {
      for (const cpu of cpus) produce(opened, 1000, { cpu });
      await until(() => collector.numbers.length === round * 1000 * cpus.length, "all records arrived");
    }
    for (const cpu of cpus) {
      const own = collector.records.filter((record) => record.cpu === cpu).map(({ number }) => number);
      expect(own.length).toBe(20_000);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    const { stats } = reader;
    expect(stats).toMatchObject({
      records: 20_000 * cpus.length,
      bytes: 20_000 * cpus.length * 64,
      batches: collector.batches.length,
      lost: 0,
      outOfOrder: 0,
      malformed: 0,
      unreadable: 0,
      abandoned: 0,
    });
    expect(stats.batches).toBeLessThan(200);
    expect(stats.pollWakeups).toBeGreaterThan(0);
    reader.close();
    expect(reader.stats).toEqual(stats);
  });

  test("sizes around the padding, and across the ring's end", () => {
    using opened = open();
    const exact = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: exact.onBatch,
      bytesPerCpu: 1 << 14,
      lengthAt,
    });
    let total = 0;
    for (let length = 24; length < 1200; length++) {
      produce(opened, 3, { length });
      total += 3;
      reader.drain();
      expect(exact.numbers.length).toBe(total);
    }
    exact.expectFirst(total);
  });

  test("without the length's place, records are as long as the kernel makes them", () => {
    using opened = open();
    const collector = new PerfCollector({ padded: true });
    using reader = new PerfBufferReader(opened.map("events"), collector);
    for (let length = 24; length <= 40; length++) produce(opened, 1, { length });
    reader.drain();
    expect(collector.records.map(({ bytes }) => bytes)).toEqual(
      Array.from({ length: 17 }, (_, index) => Math.ceil((24 + index + 4) / 8) * 8 - 4),
    );
  });

  test("an impossible length: the record comes whole, and is counted", () => {
    using opened = open();
    const collector = new PerfCollector({ padded: true });
    using reader = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, lengthAt });
    for (const claimed of [100_000, 3, 61]) {
      opened.writeVariable("claimed", claimed);
      produce(opened, 1, { length: 60 });
    }
    reader.drain();
    expect(collector.records.map(({ bytes }) => bytes)).toEqual([60, 60, 60]);
    expect(reader.stats.malformed).toBe(3);
    // The key lies behind the end of the record.
    using second = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, orderAt: 57 });
    produce(opened, 1, { length: 60 });
    second.drain();
    expect([second.stats.malformed, collector.records.length]).toEqual([1, 4]);
  });

  test("the longest records, with a batch smaller than they are; longer ones do no harm to the reader", () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      bytesPerCpu: 1 << 20,
      batchBytes: 4096,
      lengthAt,
    });
    const lengths = [64, 4088, 4089, MAX_PERF_RECORD, 24, MAX_PERF_RECORD - 1, 4080, 64];
    for (const length of lengths) produce(opened, 1, { length });
    reader.drain();
    collector.expectFirst(lengths.length);
    expect(reader.stats.bytes).toBe(lengths.reduce((sum, length) => sum + length, 0));
    // The kernel says that it took them.
    for (const length of [MAX_PERF_RECORD + 1, MAX_PERF_RECORD + 9, 70_000, 131_072]) {
      produce(opened, 1, { length });
      reader.drain();
    }
    expect([collector.numbers.length, reader.lost, perfError(opened)]).toEqual([lengths.length, 0, 0]);
    expect(reader.stats.unreadable).toBe(3);
    produce(opened, 1);
    reader.drain();
    expect(collector.numbers.length).toBe(lengths.length + 1);
  });

  test("what wakes nobody comes by the timer, and nothing costs no call", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 5,
    });
    await until(() => reader.stats.timerTicks >= 3, "the timer ran");
    expect(collector.batches).toEqual([]);
    produce(opened, 10, { length: 28 });
    await until(() => collector.numbers.length === 10, "the records arrived");
    expect(reader.stats.pollWakeups).toBe(0);
    expect(reader.stats.timerWakeups).toBeGreaterThan(0);
  });

  test("the timer rests when nothing comes, and every record wakes", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 1,
      restAfterMs: 20,
      wakeupBytes: 1,
      lengthAt,
      orderAt,
    });
    // A second reader's timer shows that time has passed on the loop.
    using ring = open("ring");
    using clock = new RingBufferReader(ring.map("ring"), { onBatch: () => undefined, flushIntervalMs: 1 });
    const pass = async (ticks: number): Promise<void> => {
      const end = clock.stats.timerTicks + ticks;
      await until(() => clock.stats.timerTicks >= end, "time passed");
    };
    for (let round = 1; round <= 3; round++) {
      await pass(100);
      const rested = reader.stats.timerTicks;
      await pass(50);
      expect(reader.stats.timerTicks).toBe(rested);
      produce(opened, 1);
      await until(() => collector.numbers.length === round, "the wake-up came through");
    }
    expect(reader.stats.pollWakeups).toBeGreaterThanOrEqual(3);
  });

  test("overflow: sent = delivered + lost, on every CPU", () => {
    using opened = open();
    const collector = new PerfCollector();
    const reported = new Map<number, number>();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      onLost: (count, cpu) => reported.set(cpu, (reported.get(cpu) ?? 0) + count),
      bytesPerCpu: 4096,
      lengthAt,
      orderAt,
    });
    const sent = new Map<number, number>();
    for (let round = 0; round < 5; round++) {
      for (const cpu of cpus) {
        // The last one finds room, so that kernels before 6.0 tell of the loss too.
        for (const count of [300 + 50 * cpu + round, 1]) {
          produce(opened, count, { cpu, full: true });
          sent.set(cpu, (sent.get(cpu) ?? 0) + count);
          reader.drain();
        }
      }
    }
    for (const cpu of cpus) {
      const delivered = collector.records.filter((record) => record.cpu === cpu).length;
      expect(delivered).toBeGreaterThan(100);
      expect(reported.get(cpu)).toBe(reader.lostByCpu.get(cpu));
      expect(delivered + (reported.get(cpu) ?? 0)).toBe(sent.get(cpu));
    }
    expect(reader.lost).toBe(Number(readU64(opened.readVariable("refused"))));
    const { lost } = reader;
    reader.close();
    expect([reader.lost, reader.stats.lost, reader.lostByCpu.size]).toEqual([lost, lost, cpus.length]);
  });

  test("pause leaves the rings alone; drain and resume", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      flushIntervalMs: 1,
      orderAt,
    });
    using ring = open("ring");
    using clock = new RingBufferReader(ring.map("ring"), { onBatch: () => undefined, flushIntervalMs: 1 });
    reader.pause();
    reader.pause();
    expect(reader.bufferedBytes).toBe(0);
    produce(opened, 10, { length: 28 });
    await until(() => clock.stats.timerTicks >= 5, "time passed");
    expect(collector.numbers).toEqual([]);
    // Each with a header of 8 bytes.
    expect(reader.bufferedBytes).toBeGreaterThan(10 * 8);
    reader.drain();
    expect(reader.bufferedBytes).toBe(0);
    expect(collector.numbers.length).toBe(10);
    produce(opened, 10, { length: 28 });
    reader.resume();
    reader.resume();
    await until(() => collector.numbers.length === 20, "the rest arrived");
    collector.expectFirst(20);
  });

  test("other events get their turn between batches", async () => {
    using opened = open();
    const order: string[] = [];
    using reader = new PerfBufferReader(opened.map("events"), {
      batchBytes: 4096,
      batchesPerTurn: 2,
      orderAt,
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

  test("outlives its object; closed, it leaves no descriptor and no event in the map", () => {
    const before = openDescriptors();
    const opened = open();
    const collector = new PerfCollector();
    const reader = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, lengthAt });
    produce(opened, 10);
    using kept = open();
    using other = new PerfBufferReader(kept.map("events"), collector);
    other.close();
    produce(kept, 1, { full: true });
    expect(perfError(kept)).toBe(-2);
    kept.close();
    opened.close();
    reader.drain();
    collector.expectFirst(10);
    reader.close();
    reader.close();
    expect(openDescriptors()).toBe(before);
  });
});
