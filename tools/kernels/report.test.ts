import { expect, test } from "vitest";
import { formatFailures, formatTable, isGood, verdict, withProblems, type Row } from "./report.ts";
import type { Outcome } from "./results.ts";

const passed: Outcome = { passed: 30, skipped: 0, failures: [], complete: true, seconds: 12 };
const failure = {
  file: "syscalls",
  name: "a",
  status: "failed",
  milliseconds: 1,
  error: "Error: no\n    at x",
} as const;
const row: Row = {
  ...{ kernel: "6.1", release: "6.1.0-56-cloud-amd64", architecture: "amd64" },
  ...{ strategy: "kprobe", transport: "ringbuf" },
};

test("a table of what passed, failed, and is not supported", () => {
  const rows: Row[] = [
    { ...row, outcome: passed, attachedAs: "kprobe (raw programs, ringbuf); 0 missed runs" },
    { ...row, kernel: "newest", release: "7.3.4", outcome: { ...passed, skipped: 2, failures: [failure] } },
    { ...row, strategy: "fexit", unsupported: "too old", outcome: { ...passed, passed: 1 } },
  ];
  expect(formatTable(rows).replaceAll(/ {2,}/g, "  ").split("\n")).toEqual([
    "kernel  arch  strategy  transport  result  seconds  tapped by",
    expect.stringMatching(/^-[- ]+-$/),
    "6.1.0-56-cloud-amd64  amd64  kprobe  ringbuf  30 passed  12  kprobe (raw programs, ringbuf); 0 missed runs",
    "newest (7.3.4)  amd64  kprobe  ringbuf  FAILED: 30 passed, 1 failed, 2 skipped  12",
    "6.1.0-56-cloud-amd64  amd64  fexit  ringbuf  not supported, as expected  12",
  ]);
  const [head = "", , first = ""] = formatTable(rows).split("\n");
  expect(first.indexOf("ringbuf")).toBe(head.indexOf("transport"));
});

test.each<[string, Partial<Row>]>([
  ["FAILED: did not run", {}],
  ["FAILED: 30 passed, then it stopped", { outcome: { ...passed, complete: false } }],
  ["FAILED: 0 passed", { outcome: { ...passed, passed: 0 } }],
  ["FAILED: it grew", { outcome: passed, problems: ["it grew"] }],
  [
    "FAILED: refused in another way than expected",
    { unsupported: "x", outcome: { ...passed, failures: [failure] } },
  ],
])("%s", (text, more) => {
  expect(verdict({ ...row, ...more })).toBe(text);
  expect(isGood({ ...row, ...more })).toBe(false);
});

test("what is wrong with an object is wrong with the rows that may have used it", () => {
  const rows: Row[] = [
    row,
    { ...row, transport: "perfbuf" },
    { ...row, transport: "auto" },
    { ...row, strategy: "auto", transport: "auto" },
    { ...row, strategy: "fexit", transport: "auto" },
  ];
  const problem = "kprobe.ringbuf emit: 121000 verified instructions, 100000 recorded";
  const marked = withProblems(rows, [problem]);
  expect(marked.map(({ problems = [] }) => problems.length)).toEqual([1, 0, 1, 1, 0]);
  expect(withProblems(rows, [])).toEqual(rows);
});

test("what is wrong with an object that no row names is wrong with all of them", () => {
  const problem = "fexit.perfbuf emit: 121000 verified instructions, 100000 recorded";
  const silent: Row = { ...row, transport: "auto", outcome: passed, problems: ["no numbers"] };
  const marked = withProblems([{ ...row, outcome: passed }, silent], [problem]);
  expect(marked.map(({ problems }) => problems)).toEqual([[problem], ["no numbers", problem]]);
  expect(marked.some(isGood)).toBe(false);
});

test("failures say where and what, and how many more there are", () => {
  const outcome = { ...passed, failures: [failure, failure, failure] };
  expect(formatFailures({ ...row, outcome }, 1)).toBe(
    "6.1 amd64 kprobe ringbuf: syscalls a\n    Error: no\n        at x\n6.1 amd64 kprobe ringbuf: and 2 more",
  );
});
