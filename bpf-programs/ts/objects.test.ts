import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MAPS, probeObject, ProbesError } from "./index.ts";

test.each(["x64", "arm64"])(
  "the %s object has every program and map that it is said to have",
  (architecture) => {
    const { path, programSets, identify } = probeObject("tracepoint", architecture);
    const elf = readFileSync(path);
    expect(elf.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    const programs = programSets.flatMap(({ hook, emit, gather, state, destroy }) => [
      hook,
      emit,
      gather,
      state,
      destroy,
    ]);
    const names = [...programs, identify, ...Object.values(MAPS)];
    for (const name of names) expect(elf.includes(`\0${name}\0`), name).toBe(true);
  },
);

test("a strategy without an object is refused by name", () => {
  expect(() => probeObject("fexit")).toThrow(
    expect.objectContaining({
      code: "ERR_PROBES_STRATEGY",
      message: expect.stringContaining("fexit") as string,
    }),
  );
});

test("an architecture without programs is refused by name", () => {
  expect(() => probeObject("tracepoint", "riscv64")).toThrow(ProbesError);
  expect(() => probeObject("tracepoint", "riscv64")).toThrow("riscv64");
});
