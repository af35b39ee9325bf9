import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  findGrowth,
  findSilence,
  mergeVerified,
  parseVerified,
  readVerified,
  writeVerified,
} from "./verified.ts";

const recorded = { "6.1 amd64": { "kprobe.ringbuf": { emit: 100_000, state: 500 } } };
const line = (program: string, instructions: number) => ({ object: "kprobe.ringbuf", program, instructions });

test("growth of more than a fifth is told, less and of small programs is not; so is what was not recorded", () => {
  expect(findGrowth(recorded, "6.1 amd64", [line("emit", 119_000), line("state", 1400)])).toEqual([]);
  expect(findGrowth(recorded, "6.1 amd64", [line("emit", 121_000)])).toEqual([
    "kprobe.ringbuf emit: 121000 verified instructions, 100000 recorded",
  ]);
  expect(findGrowth(recorded, "6.1 amd64", [line("new", 7)])).toEqual([
    "kprobe.ringbuf new: 7 verified instructions, none recorded (--record does)",
  ]);
  expect(findGrowth(recorded, "6.12 amd64", [line("emit", 7)])).toHaveLength(1);
});

test.each([
  ["a kernel that tells", "6.1.0-56-cloud-amd64", ["syscalls", "load"], [], true],
  ["one without recorded numbers", "7.3.4+deb13-cloud-arm64", ["load"], [], true],
  ["the first that tells", "5.16", ["load"], [], true],
  ["one that does not tell", "5.10.0-46-cloud-amd64", ["load"], [], false],
  ["the one that was built here", "5.10.262-noringbuf", ["load"], [], false],
  ["a run without the load test", "6.1.0-56-cloud-amd64", ["unseen"], [], false],
  ["a combination that must be refused", "6.1.0-56-cloud-arm64", ["refused"], [], false],
  ["one with numbers", "6.1.0-56-cloud-amd64", ["load"], [line("emit", 7)], false],
])("no numbers are a failure where there have to be some: %s", (_, release, files, lines, failure) => {
  expect(findSilence(release, files, lines)).toHaveLength(failure ? 1 : 0);
});

test("new numbers replace old ones, the others stay", () => {
  expect(mergeVerified(recorded, "6.1 amd64", [line("emit", 7)])).toEqual({
    "6.1 amd64": { "kprobe.ringbuf": { emit: 7, state: 500 } },
  });
  expect(recorded["6.1 amd64"]["kprobe.ringbuf"].emit).toBe(100_000);
});

test("lines that were cut off are left out", () => {
  const text = `${JSON.stringify(line("emit", 1))}\n{"object":"x`;
  expect(parseVerified(text)).toEqual([line("emit", 1)]);
});

test("what is written is sorted and can be read", () => {
  const directory = mkdtempSync(join(tmpdir(), "tcptracker-verified-"));
  try {
    const file = join(directory, "verified.json");
    expect(readVerified(file)).toEqual({});
    writeVerified({ "6.12 amd64": { b: { z: 1, a: 2 } }, "6.1 amd64": { a: { x: 1 } } }, file);
    expect(Object.keys(readVerified(file))).toEqual(["6.1 amd64", "6.12 amd64"]);
    expect(readFileSync(file, "utf8")).toMatch(/"a": 2,\s+"z": 1/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
