import { describe, expect, test } from "vitest";
import { parseArguments, UsageError } from "./arguments.ts";

const names = (args: readonly string[]): string[] => parseArguments(args).kernels.map(({ name }) => name);

test("without arguments: every kernel, everything on it", () => {
  const { architectures, strategies, transports, quick } = parseArguments([]);
  expect(names([])).toEqual(["5.10", "6.1", "6.12", "6.18", "newest", "5.10-noringbuf"]);
  expect(architectures).toEqual(["amd64", "arm64"]);
  expect(strategies).toEqual(["auto", "fexit", "kprobe", "tracepoint"]);
  expect(transports).toEqual(["auto", "ringbuf", "perfbuf"]);
  expect(quick).toBe(false);
});

test("kernels come in the table's order, however they are named", () => {
  expect(names(["newest", "5.10"])).toEqual(["5.10", "newest"]);
  expect(names(["5.10-noringbuf"])).toEqual(["5.10-noringbuf"]);
});

test("options may be repeated", () => {
  const { strategies } = parseArguments(["--strategy", "tracepoint", "--strategy=kprobe", "--quick"]);
  expect(strategies).toEqual(["kprobe", "tracepoint"]);
});

describe("what it does not know is an error that lists what it knows", () => {
  test.each([
    [["4.19"], /no kernel '4\.19'; known are 5\.10, 6\.1, .*newest/],
    [["--arch", "mips"], /--arch: there is no 'mips'; known are amd64, arm64/],
    [["--strategy", "uprobe"], /--strategy: there is no 'uprobe'; known are auto, fexit, kprobe, tracepoint/],
    [["--test", "sendfile"], /--test: there is no 'sendfile'; known are syscalls, .*load/],
    [["--transport", "pipe"], /--transport: .*known are auto, ringbuf, perfbuf/],
    [["--fast"], /--fast/],
    [["--jobs", "0"], /--jobs must be a number from 1 to 99, not '0'/],
    [["--arch", "arm64", "6.12"], /6\.12: not on arm64/],
  ])("%j", (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError);
    expect(() => parseArguments(args)).toThrow(message);
  });
});
