// The copies of a hook that a kernel may preempt: turns.bpf.h, compiled for this machine.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let directory: string;
let program: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-turns-"));
  program = join(directory, "turns");
  const flags = ["-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror"];
  execFileSync(process.env["CC"] || "gcc", [...flags, "-o", program, join(import.meta.dirname, "turns.c")]);
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** How often each call was taken, thread by thread. */
function taken(threads: readonly string[]): string[] {
  return execFileSync(program, threads, { encoding: "utf8" }).trim().split("\n");
}

test.each([
  ["no copy is skipped", "....", "1111"],
  ["the first one is, and the second one later", "f.....s..", "111111111"],
  ["the second one is, and the first one later", "s.f...", "111111"],
  ["the same one each time", "fffsss", "111111"],
  ["there is no memory for the mark", "m.mf.sm", "1111111"],
  ["both are for one call", ".b.", "101"],
  ["the second one is, and the first one for the next call", ".sf.", "1101"],
])("%s", (_what, skips, expected) => {
  expect(taken([skips])).toEqual([expected]);
});

test("whatever is skipped, no call is taken twice, and only those two ways lose one", () => {
  const letters = [".", "f", "s", "b"];
  const all = (length: number): string[] =>
    length === 0 ? [""] : all(length - 1).flatMap((rest) => letters.map((letter) => rest + letter));
  const expected = (skips: string): string => {
    // A mark that the second copy did not see stays until it does, or the first one leaves it again.
    let marked = false;
    return Array.from(skips, (skip) => {
      const lost = skip === "b" || (skip === "f" && marked);
      if (skip !== "b") marked = skip === "s";
      return lost ? "0" : "1";
    }).join("");
  };
  const threads = all(5);
  expect(taken(threads)).toEqual(threads.map(expected));
});
