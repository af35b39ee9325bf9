import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { BpfObject, frames, PerfBufferReader, type BpfError } from "../../src/index.ts";
import { object } from "../compile.ts";
import { describeAsRoot, readU32, readU64, until } from "./support.ts";
import { caught, cpus, HEAD_BYTES, open, PerfCollector, produce } from "./perf-support.ts";

const run = promisify(execFile);
const lengthAt = 16;
const orderAt = 8;
const first = cpus[0] ?? 0;
const last = cpus.at(-1) ?? 0;

describeAsRoot("order across CPUs", () => {
  test("drain delivers everything, sorted by the key, stable", () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      lengthAt,
      orderAt,
    });
    // Numbers 0 to 199, and every key twice on every CPU.
    for (let round = 0; round < 5; round++) {
      for (const cpu of cpus) {
        for (let half = 0; half < 2; half++) produce(opened, 50, { cpu, key: 1 + round * 50, step: 1 });
      }
    }
    reader.drain();
    const expected = [...collector.records].sort(
      (a, b) => a.key - b.key || cpus.indexOf(a.cpu) - cpus.indexOf(b.cpu) || a.number - b.number,
    );
    expect(collector.records).toEqual(expected);
    expect(collector.records.length).toBe(500 * cpus.length);
    expect(reader.stats.outOfOrder).toBe(0);
  });

  test("records that their CPU wrote in the wrong order", () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      lengthAt,
      orderAt,
      batchBytes: 4096,
    });
    opened.writeVariable("swap_every", 7);
    for (const cpu of cpus) produce(opened, 1000, { cpu, key: 10, step: 3 });
    // Falling keys: every record is a run of its own, and the ring empties from its end.
    opened.writeVariable("swap_every", 0);
    produce(opened, 1000, { key: 10_000, step: -1, length: 60 });
    reader.drain();
    expect(collector.records.length).toBe(1000 * (cpus.length + 1));
    expect(collector.keys).toEqual([...collector.keys].sort((a, b) => a - b));
    // The space came back: the ring takes as much again.
    for (let round = 0; round < 10; round++) {
      produce(opened, 1000, { key: 10_000, step: -1 });
      reader.drain();
    }
    expect([reader.lost, reader.stats.outOfOrder]).toEqual([0, 10]);
  });

  test("a record waits for one round, and an older one of another CPU passes it", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, orderAt });
    await until(() => reader.stats.timerTicks > 0, "the timer ran");
    produce(opened, 1, { cpu: first, key: 100, length: 28 });
    const { timerTicks } = reader.stats;
    await until(() => reader.stats.timerTicks > timerTicks, "a round has read it");
    expect(collector.keys).toEqual([]);
    produce(opened, 1, { cpu: last, key: 50, length: 28 });
    produce(opened, 1, { cpu: last, key: 150, length: 28 });
    await until(() => reader.stats.timerTicks > timerTicks + 1, "the next round is over");
    expect(collector.keys).toEqual([50, 100]);
    await until(() => reader.stats.timerTicks > timerTicks + 2, "the one after it is over");
    expect(collector.keys).toEqual([50, 100, 150]);
  });

  test("a key far in the future spoils one round, not the rest", async () => {
    using opened = open();
    const collector = new PerfCollector();
    using reader = new PerfBufferReader(opened.map("events"), { onBatch: collector.onBatch, orderAt });
    produce(opened, 1, { key: 2 ** 50, length: 28 });
    await until(() => collector.keys.length === 1, "it arrived");
    await until(() => reader.stats.timerTicks > 3, "rounds have passed");
    const { timerTicks } = reader.stats;
    produce(opened, 1, { cpu: first, key: 100, length: 28 });
    await until(() => reader.stats.timerTicks > timerTicks, "a round has read it");
    produce(opened, 1, { cpu: last, key: 50, length: 28 });
    await until(() => collector.keys.length === 3, "they arrived");
    expect(collector.keys).toEqual([2 ** 50, 50, 100]);
    expect(reader.stats.outOfOrder).toBe(1);
  });

  test("real load on all CPUs: whole, in the order of time, and accounted for", async () => {
    using opened = BpfObject.open(object("perf"));
    opened.load();
    const seen = new Map<number, number>();
    const gaps = new Map<number, number>();
    let previous = 0n;
    let inversions = 0;
    let records = 0;
    const reader = new PerfBufferReader(opened.map("events"), {
      bytesPerCpu: 1 << 20,
      lengthAt,
      orderAt,
      onBatch(batch) {
        for (const record of frames(batch)) {
          if (record.byteLength > HEAD_BYTES) continue;
          const cpu = readU32(record, 20);
          const number = Number(readU64(record));
          const key = readU64(record, 8);
          const expected = seen.get(cpu) ?? 0;
          // Within a CPU the time grows with the number, so the order of time is that of the numbers.
          if (number < expected) throw new Error(`record ${number} of CPU ${cpu} after ${expected - 1}`);
          gaps.set(cpu, (gaps.get(cpu) ?? 0) + number - expected);
          seen.set(cpu, number + 1);
          if (key < previous) inversions++;
          previous = key;
          records++;
        }
      },
    });
    opened.program("on_call").attach();
    opened.writeVariable("tell", true);
    const load = ["if=/dev/zero", "of=/dev/null", "bs=1", "count=200000", "status=none"];
    await Promise.all(cpus.map((cpu) => run("taskset", ["-c", String(cpu), "dd", ...load])));
    opened.writeVariable("tell", false);
    // Up to Linux 5.19 a loss shows with the next record that has room.
    reader.drain();
    for (const cpu of cpus) produce(opened, 1, { cpu });
    reader.close();
    const sent = cpus.map((cpu) => Number(readU64(opened.readVariable("calls"), cpu * 8)));
    const total = sent.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(200_000 * cpus.length);
    expect(records).toBeGreaterThan(10_000);
    expect(records + reader.lost).toBe(total);
    for (const [index, cpu] of cpus.entries()) {
      const missing = (gaps.get(cpu) ?? 0) + (sent[index] ?? 0) - (seen.get(cpu) ?? 0);
      expect(missing).toBe(reader.lostByCpu.get(cpu));
    }
    expect(Math.abs(reader.stats.outOfOrder - inversions)).toBeLessThanOrEqual(2 * cpus.length);
    expect(inversions).toBeLessThan(records / 1000);
  });
});

describeAsRoot("the end of a perf buffer reader", () => {
  test("close delivers everything, also what a round holds back and while paused", async () => {
    using opened = open();
    const collector = new PerfCollector();
    const reader = new PerfBufferReader(opened.map("events"), {
      onBatch: collector.onBatch,
      orderAt,
      flushIntervalMs: 1,
    });
    produce(opened, 10, { length: 28 });
    const { timerTicks } = reader.stats;
    await until(() => reader.stats.timerTicks > timerTicks, "a round has read them");
    reader.pause();
    produce(opened, 10, { length: 28 });
    reader.close();
    collector.expectFirst(20);
    expect(reader.stats).toMatchObject({ records: 20, abandoned: 0 });
    // The map can be read again.
    const second = new PerfBufferReader(opened.map("events"), collector);
    produce(opened, 10, { length: 28 });
    second.close();
    collector.expectFirst(30);
  });

  test("closing from inside the callback gives up what is left, and says how much", async () => {
    using opened = open();
    let calls = 0;
    const reader = new PerfBufferReader(opened.map("events"), {
      batchBytes: 4096,
      lengthAt,
      onBatch: () => {
        calls++;
        expect(caught(() => reader.drain()).code).toBe("ERR_BPF_INVALID_STATE");
        reader.close();
      },
    });
    produce(opened, 1000);
    await until(() => reader.closed, "the reader was closed");
    expect(calls).toBe(1);
    expect(reader.stats.abandoned + reader.stats.records).toBe(1000);
    expect(caught(() => reader.drain()).code).toBe("ERR_BPF_CLOSED");
    expect(reader.lost).toBe(0);
    reader.close();
  });

  test("closing from inside the last delivery of a close", () => {
    using opened = open();
    const reader = new PerfBufferReader(opened.map("events"), {
      batchBytes: 4096,
      onBatch: () => reader.close(),
    });
    produce(opened, 1000);
    reader.close();
    expect(reader.stats.abandoned + reader.stats.records).toBe(1000);
    expect(reader.closed).toBe(true);
  });

  test("what the callback throws while closing comes out, and it is closed", () => {
    using opened = open();
    const reader = new PerfBufferReader(opened.map("events"), {
      batchBytes: 4096,
      onBatch: () => {
        throw new Error("from the callback");
      },
    });
    produce(opened, 1000);
    expect(() => reader.close()).toThrow("from the callback");
    expect(reader.closed).toBe(true);
    expect(reader.stats.abandoned + reader.stats.records).toBe(1000);
    expect(reader.stats.abandoned).toBeGreaterThan(900);
  });

  test("what onLost throws goes to onError, and closing from inside it works", async () => {
    using opened = open();
    const errors: unknown[] = [];
    const reader = new PerfBufferReader(opened.map("events"), {
      bytesPerCpu: 4096,
      onBatch: () => undefined,
      onLost: () => {
        reader.close();
        throw new Error("from onLost");
      },
      onError: (error) => errors.push(error),
    });
    produce(opened, 200, { full: true });
    reader.drain();
    if (!reader.closed) produce(opened, 1);
    await until(() => reader.closed, "the reader was closed");
    expect(errors.map(String)).toEqual(["Error: from onLost"]);
  });

  test("arguments", () => {
    using opened = open();
    const onBatch = (): void => undefined;
    const start = (options: object, name = "events"): BpfError =>
      caught(() => new PerfBufferReader(opened.map(name), { onBatch, ...options }));
    for (const options of [
      { batchBytes: 100 },
      { bytesPerCpu: 5000 },
      { bytesPerCpu: 2048 },
      { flushIntervalMs: 0 },
      { wakeupBytes: 0 },
      { restAfterMs: 10 },
      { lengthAt: -2 },
      { orderAt: 70_000 },
      { onBatch: undefined },
    ]) {
      expect({ options, code: start(options).code }).toEqual({ options, code: "ERR_BPF_INVALID_ARGUMENT" });
    }
    expect(start({}, "scratch").message).toContain("is of type array, not perf_event_array");
    if (last > 0) expect(start({}, "narrow").message).toContain(`CPU ${last} is online`);
    using unloaded = BpfObject.open(object("perf"));
    expect(caught(() => new PerfBufferReader(unloaded.map("events"), { onBatch })).code).toBe(
      "ERR_BPF_NOT_LOADED",
    );
  });
});
