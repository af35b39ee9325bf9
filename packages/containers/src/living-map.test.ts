import { expect, test } from "vitest";
import { BoundedMap } from "./bounded-map.ts";
import { LivingMap } from "./living-map.ts";

test("the living stay, however many die", () => {
  const map = new LivingMap<number, string>(2);
  map.set(0, "old");
  for (let key = 1; key <= 5; key++) {
    map.set(key, `${key}`);
    map.depart(key);
  }
  map.depart(99);
  expect([0, 1, 2, 3, 4, 5].map((key) => map.get(key))).toEqual([
    "old",
    undefined,
    undefined,
    undefined,
    "4",
    "5",
  ]);
  map.set(4, "again");
  map.keep(new Set([4]));
  expect([0, 4, 5].map((key) => map.get(key))).toEqual(["old", "again", "5"]);
  map.set(6, "6");
  map.depart(6);
  expect([0, 4, 5, 6].map((key) => map.get(key))).toEqual(["old", "again", undefined, "6"]);
});

test("a bounded map tells what it forgets, and nothing else", () => {
  const forgotten: [string, number][] = [];
  const map = new BoundedMap<number, string>(2, (value, key) => forgotten.push([value, key]));
  map.set(1, "a");
  map.set(2, "b");
  map.set(1, "c");
  map.set(3, "d");
  expect([map.delete(1), map.delete(1), map.size]).toEqual([true, false, 1]);
  expect(forgotten).toEqual([["b", 2]]);
  expect([1, 2, 3].map((key) => map.get(key))).toEqual([undefined, undefined, "d"]);
});
