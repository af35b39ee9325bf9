import { expect, test } from "vitest";
import { parseOutcome } from "./results.ts";

const line = (name: string, status: string, more: object = {}): string =>
  JSON.stringify({ file: "syscalls", name, status, milliseconds: 1500, ...more });
const END = JSON.stringify({ file: "", name: "(end)", status: "passed", milliseconds: 61_400 });

test("tests are counted, hooks are not", () => {
  const text = [line("(before all)", "passed"), line("a", "passed"), line("b", "skipped"), END, ""].join(
    "\n",
  );
  expect(parseOutcome(text)).toEqual({ passed: 1, skipped: 1, failures: [], complete: true, seconds: 61 });
});

test("a hook that failed is a failure", () => {
  const { passed, failures } = parseOutcome(
    [line("(after all)", "failed"), line("a", "passed"), END].join("\n"),
  );
  expect(passed).toBe(1);
  expect(failures.map(({ name }) => name)).toEqual(["(after all)"]);
});

test("what ran before a crash counts, the line that was being written does not", () => {
  const text = `${line("a", "passed")}\n${line("b", "failed", { error: "no" })}\n{"file":"syscalls","na\0\0`;
  expect(parseOutcome(text)).toMatchObject({ passed: 1, complete: false, seconds: 3 });
  expect(parseOutcome(text).failures).toEqual([
    { file: "syscalls", name: "b", status: "failed", milliseconds: 1500, error: "no" },
  ]);
});

test("nothing is nothing", () => {
  expect(parseOutcome("")).toEqual({ passed: 0, skipped: 0, failures: [], complete: false, seconds: 0 });
  expect(parseOutcome('null\n7\n{"file":1}')).toMatchObject({ passed: 0, complete: false });
});
