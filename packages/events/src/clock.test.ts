import { describe, expect, test } from "vitest";
import { MonotonicClock } from "./clock.ts";

/** A machine that booted at `boot` (ms since the epoch) and takes `step` ns for each look at a clock. */
function machine(
  boot: number,
  step: bigint,
): { monotonic: () => bigint; wall: () => number; now: bigint; shift: number } {
  const state = {
    now: 123_456n,
    shift: 0,
    monotonic: () => (state.now += step),
    wall: () => boot + state.shift + Number((state.now += step) / 1_000_000n),
  };
  return state;
}

describe("MonotonicClock", () => {
  test("finds the offset between the clocks at an edge of the wall clock", () => {
    const boot = 1_795_360_680_000;
    const clock = new MonotonicClock(machine(boot, 50n));
    const error = clock.toEpoch(0n) - BigInt(boot) * 1_000_000n;
    expect(Math.abs(Number(error))).toBeLessThanOrEqual(200);
    expect(clock.sample.uncertainty).toBeLessThanOrEqual(200n);
  });

  test("adds without rounding", () => {
    const clock = new MonotonicClock(machine(1_795_360_680_000, 50n));
    const zero = clock.toEpoch(0n);
    for (const time of [1n, 2n ** 53n + 1n, 2n ** 64n - 1n]) expect(clock.toEpoch(time)).toBe(zero + time);
  });

  test("follows a step of the wall clock when it samples again", () => {
    const source = machine(1_795_360_680_000, 50n);
    const clock = new MonotonicClock(source);
    const before = clock.toEpoch(0n);
    source.shift = -5000;
    expect(clock.toEpoch(0n)).toBe(before);
    clock.resample();
    expect(Number(clock.toEpoch(0n) - before) / 1e9).toBeCloseTo(-5, 5);
  });

  test("keeps the best of several edges when looking takes long, and says how good it is", () => {
    const clock = new MonotonicClock(machine(1_795_360_680_000, 40_000n));
    expect(clock.sample.uncertainty).toBeLessThanOrEqual(100_000n);
    expect(clock.sample.uncertainty).toBeGreaterThan(5_000n);
  });

  test("is never further off than it says", () => {
    for (let step = 1_000n; step < 200_000n; step += 1_234n) {
      const clock = new MonotonicClock(machine(1_795_360_680_000, step));
      const error = clock.toEpoch(0n) - 1_795_360_680_000_000_000n;
      expect(error < 0n ? -error : error).toBeLessThanOrEqual(clock.sample.uncertainty + 1n);
    }
  });

  test("does not wait forever for a wall clock that stands", () => {
    let now = 0n;
    const clock = new MonotonicClock({ monotonic: () => (now += 1000n), wall: () => 7 });
    expect(clock.sample.uncertainty).toBe(1_000_000n);
  });

  test("agrees with this machine's wall clock", () => {
    const clock = new MonotonicClock();
    const before = Date.now();
    const converted = Number(clock.toEpoch(process.hrtime.bigint()) / 1_000n) / 1_000;
    expect(converted).toBeGreaterThan(before - 2);
    expect(converted).toBeLessThan(Date.now() + 2);
  });
});
