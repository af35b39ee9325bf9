import { expect, test } from "vitest";

import { parseCpuList } from "./cpus.ts";

test.each([
  ["0\n", [0]],
  ["0-3\n", [0, 1, 2, 3]],
  ["0-1,4,8-9\n", [0, 1, 4, 8, 9]],
  ["\n", []],
])("CPUs %j", (list, cpus) => {
  expect(parseCpuList(list)).toEqual(cpus);
});
