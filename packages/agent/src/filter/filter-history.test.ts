import { compile } from "@tcptracker/filter";
import { expect, test } from "vitest";
import { FilterHistory } from "./filter-history.ts";

const first = compile("remote.port == 1");
const second = compile("remote.port == 2");

function changed(): FilterHistory {
  const history = new FilterHistory();
  history.add(1, first, 100n);
  history.add(2, undefined, 200n);
  history.add(3, second, 300n);
  return history;
}

test("a record that no filter has judged is for the one in force at its time", () => {
  const history = changed();
  const judges = [99n, 100n, 199n, 200n, 300n, 1_000n].map((time) =>
    history.judgementOf({ filterGeneration: 0, time }),
  );
  expect(judges).toEqual([undefined, first, first, undefined, second, second]);
});

test("a record that names a filter is for that one, whenever it was", () => {
  const history = changed();
  expect(history.judgementOf({ filterGeneration: 1, time: 300n })).toBe(first);
  expect(history.judgementOf({ filterGeneration: 2, time: 100n })).toBeUndefined();
  expect(history.judgementOf({ filterGeneration: 3, time: 100n })).toBe(second);
});

test("many changes leave the latest, by time and by name", () => {
  const history = changed();
  for (let i = 0; i < 1_000; i++) history.add(257 + i, i % 2 === 0 ? first : second, 1_000n + BigInt(i));
  expect(history.judgementOf({ filterGeneration: 0, time: 0n })).toBeDefined();
  expect(history.judgementOf({ filterGeneration: 0, time: 1_998n })).toBe(first);
  expect(history.judgementOf({ filterGeneration: 0, time: 1_999n })).toBe(second);
  expect(history.judgementOf({ filterGeneration: (257 + 999) % 256, time: 0n })).toBe(second);
});

test("a record that names a filter that never was in force is for all of the one at its time", () => {
  const history = changed();
  history.add(4, compile('remote.port == 4 && payload.matches("x")'), 400n);
  for (const generation of [5, 1]) {
    history.forget(generation);
    expect(history.judgementOf({ filterGeneration: generation, time: 300n })).toEqual({
      ...second,
      residual: second.whole,
    });
    expect(history.judgementOf({ filterGeneration: generation, time: 200n })).toBeUndefined();
  }
});
