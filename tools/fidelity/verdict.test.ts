import { expect, test } from "vitest";
import { judge, needsAnotherRun } from "./verdict.ts";

const GOOD = {
  captureFaults: 0,
  connections: 1,
  dropped: 0,
  findings: [],
  gaps: new Map([["sendfile", 4]]),
  identical: 10,
  readsPages: false,
  repeatedBytes: 0,
  unread: 6,
  wireBytes: 10,
  statistics: { decodeErrors: 0, missedRuns: 0 },
};

const FINDING = { connection: "", end: "", direction: "egress", offset: 0, size: 1, what: "" } as const;

const EXPECTED = { may: ["sendfile", "ring_full"] } as const;

test("a good run is good", () => {
  expect(needsAnotherRun(GOOD)).toBeUndefined();
  expect(judge(GOOD, EXPECTED)).toBeUndefined();
});

test("a gap of a cause that the workload has no reason for is a failure", () => {
  expect(judge(GOOD)).toBe("4 bytes are declared as sendfile, which this workload has no reason for");
  expect(judge(GOOD, { must: ["ring_full"] })).toContain("declared as sendfile");
});

test("nor has one of those of the workloads a reason for sendfile where the tap can read pages", () => {
  expect(judge({ ...GOOD, readsPages: true }, EXPECTED)).toContain("4 bytes are declared as sendfile");
});

test("so is the absence of the one that it is made for", () => {
  expect(judge(GOOD, { must: ["sendfile"] })).toBeUndefined();
  const expected = { must: ["snaplen"], may: ["sendfile"] } as const;
  expect(judge(GOOD, expected)).toBe("no gap of cause snaplen, which this workload is made for");
});

test.each([
  ["packets that tcpdump dropped", { dropped: 3 }, "tcpdump itself dropped 3 packets"],
  ["a capture with holes", { captureFaults: 5 }, "5 bytes of the capture"],
])("%s make the run worthless, not wrong", (_, change, message) => {
  expect(needsAnotherRun({ ...GOOD, ...change })).toContain(message);
  expect(judge({ ...GOOD, ...change }, EXPECTED)).toContain(message);
});

test.each([
  [
    "no connection",
    { connections: 0, wireBytes: 0, identical: 0, gaps: new Map(), unread: 0 },
    "moved nothing",
  ],
  ["connections without a byte", { wireBytes: 0, identical: 0, gaps: new Map(), unread: 0 }, "moved nothing"],
  ["a difference", { findings: [FINDING] }, "1 undeclared differences"],
  [
    "a difference when the kernel skipped programs",
    { findings: [FINDING], statistics: { decodeErrors: 0, missedRuns: 7 } },
    "skipped the tap's programs 7 times",
  ],
  ["bytes told twice", { repeatedBytes: 2 }, "2 bytes were told twice"],
  ["records without sense", { statistics: { decodeErrors: 1, missedRuns: 0 } }, "1 records made no sense"],
  ["bytes that are in no category", { identical: 9 }, "do not add up"],
  [
    "bytes that are all declared missing",
    { identical: 0, gaps: new Map([["ring_full", 14]]) },
    "no byte was recorded",
  ],
])("%s is a failure", (_, change, message) => {
  expect(needsAnotherRun({ ...GOOD, ...change })).toBeUndefined();
  expect(judge({ ...GOOD, ...change }, EXPECTED)).toContain(message);
});
