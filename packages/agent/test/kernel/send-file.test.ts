// What sendfile sends was never in user memory: it is read from the pages of the file.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { THOROUGH } from "./support/scenarios.ts";
import { expectBalance } from "./support/account.ts";
import { tryCase } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { assemble, punch, type Hole } from "./support/streams.ts";

/** See support/cases/send_file.c. */
const SIZE = 1_000_000;
const START = 5000;
const DIRECT_START = 4096;
const HOLE = [100_000, 500_000] as const;

let directory: string;
/** Of all tests but one: it takes seconds to load on a slow machine. */
let collector: Collector;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "send-file-"));
  collector = new Collector({ snaplen: 1_048_576 });
});

afterAll(async () => {
  await collector[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
  expectBalance(collector.statistics());
});

function content(how: string): Uint8Array {
  const bytes = Uint8Array.from({ length: SIZE }, (_, i) => i * 31 + (i >> 8));
  if (how === "sparse") bytes.fill(0, ...HOLE);
  return bytes.subarray(how === "direct" ? DIRECT_START : START);
}

/** Sends a file that a tap sees; gives what is missing of it, once all else has been compared. */
async function sendFile(
  path: string,
  how: string,
  tap: Collector = collector,
): Promise<readonly Hole[] | string> {
  expect(tap.pageCache).toEqual({ seen: true });
  const report = await tryCase("send-file", path, how);
  if (typeof report === "string") return report;
  const [client = 0] = report.clients;
  const records = await tap.closed(client, report.listener);
  expect(report.count).toBe(content(how).length);
  const { bytes, holes } = assemble(records, "egress");
  expect(bytes.length, "delivered and declared together are what moved").toBe(report.count);
  expect(Buffer.compare(bytes, punch(content(how), holes)), "bytes differ").toBe(0);
  return holes;
}

describe("the bytes are those of the file", () => {
  for (const place of ["/dev/shm", undefined])
    for (const how of ["argument", "position"])
      test(`in ${place ?? "a directory"}, ${how}`, async () => {
        if (place !== undefined && !existsSync(place)) mkdirSync(place);
        const path = join(place ?? directory, `sent-${process.pid}`);
        expect(await sendFile(path, how)).toEqual([]);
      });
});

test("a hole of a file is zeros, or declared where the kernel has no pages for it", async () => {
  // Newer kernels make none in shared memory (as /tmp may be), but for what has bytes beside the hole.
  const [from, to] = [Math.ceil(HOLE[0] / 4096) * 4096, Math.floor(HOLE[1] / 4096) * 4096];
  const hole = { offset: from - START, size: to - from, cause: "sendfile" };
  for (const place of [directory, "/dev/shm"])
    expect([[], [hole]]).toContainEqual(await sendFile(join(place, `sparse-${process.pid}`), "sparse"));
});

if (THOROUGH)
  test("what is beyond the snap length is declared", async () => {
    await using short = new Collector({ snaplen: 5000 });
    const holes = await sendFile(join(directory, "long"), "argument", short);
    expect(holes).not.toHaveLength(0);
    for (const hole of holes) expect(hole).toMatchObject({ cause: "snaplen" });
  });

test("a file that is not read through the kernel's pages is declared", async ({ skip }) => {
  const holes = await sendFile(join(directory, "direct"), "direct");
  if (typeof holes === "string") return skip(holes);
  expect(holes).toEqual([{ offset: 0, size: SIZE - DIRECT_START, cause: "sendfile" }]);
});

test("pages that are being read in again are declared", async ({ skip }) => {
  const path = join(directory, "reread");
  const report = await tryCase("reread", path).finally(() => {
    // A case that failed leaves its file system behind.
    spawnSync("umount", ["--lazy", path], { stdio: "ignore" });
  });
  if (typeof report === "string") return skip(report);
  const [client = 0] = report.clients;
  const { bytes, holes } = assemble(await collector.closed(client, report.listener), "egress");
  expect(bytes.length).toBe(report.count);
  expect(report.other, "how much was being read").toBeGreaterThan(0);
  expect(holes[0]).toMatchObject({ offset: 0, cause: "sendfile" });
  expect(holes[0]?.size).toBeGreaterThanOrEqual(report.other);
  const sent = Uint8Array.from({ length: report.count }, (_, i) => i * 31 + (i >> 8));
  expect(Buffer.compare(bytes, punch(sent, holes)), "bytes differ").toBe(0);
});

test("what goes from a socket into a pipe is declared", async ({ skip }) => {
  const report = await tryCase("send-from-socket");
  if (typeof report === "string") return skip(report);
  const [client = 0] = report.clients;
  const { bytes, holes } = assemble(await collector.closed(report.listener, client), "ingress");
  expect(holes.reduce((sum, { size }) => sum + size, 0)).toBe(report.count);
  for (const { cause } of holes) expect(cause).toBe("splice");
  const text = Buffer.from(bytes).toString();
  expect([text.slice(0, 6), text.slice(6 + report.count)]).toEqual(["before", "after"]);
});

/** Runs `body` with an overlay that has a file `old` from below; all is gone afterwards. */
async function inOverlay(body: (merged: string) => Promise<void>): Promise<void> {
  const base = mkdtempSync("/dev/shm/overlay-");
  const [lower = "", upper = "", work = "", merged = ""] = ["lower", "upper", "work", "merged"].map((name) =>
    join(base, name),
  );
  for (const one of [lower, upper, work, merged]) mkdirSync(one);
  writeFileSync(join(lower, "old"), new Uint8Array(SIZE).fill(1));
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", layers, merged]);
  try {
    await body(merged);
  } finally {
    execFileSync("umount", [merged]);
    rmSync(base, { recursive: true });
  }
}

describe("a file of a container: in one file system that lies over another", () => {
  const known = /\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8"));

  test("made there", async ({ skip }) => {
    if (!known) skip("this kernel has no overlayfs");
    await inOverlay(async (merged) => {
      expect(await sendFile(join(merged, "new"), "argument")).toEqual([]);
    });
  });

  // It was opened below, but what is sent is the copy above. Kernels before 6.13 do not show the programs where that is.
  test("from below, and written to after it was opened", async ({ skip }) => {
    if (!known) skip("this kernel has no overlayfs");
    const whole = { offset: 0, size: SIZE - START, cause: "sendfile" };
    await inOverlay(async (merged) => {
      expect([[], [whole]]).toContainEqual(await sendFile(join(merged, "old"), "written"));
    });
  });
});
