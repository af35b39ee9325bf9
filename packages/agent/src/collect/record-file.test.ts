import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReceivedBatch } from "@tcptracker/grpc-exporter";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RecordFile } from "./record-file.ts";

const [A, B] = ["a".repeat(32), "b".repeat(32)];
let directory = "";
let path = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-file-"));
  path = join(directory, "records.json");
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function batch(exporter: string, sequence: number): ReceivedBatch {
  const resource = { hostName: "", kernelRelease: "", architecture: "", agentVersion: "" };
  return { exporter, sequence, resource, records: [], unknownRecords: 0, losses: [] };
}

const format = ({ exporter, sequence }: ReceivedBatch): string => `${exporter.slice(0, 1)}${sequence}\n`;
async function open(): Promise<RecordFile> {
  const file = await RecordFile.open(path, format);
  await file.begin();
  return file;
}
const content = (): string => readFileSync(path, "utf8");

test("batches of all exporters are appended, and remembered by the next process", async () => {
  const first = await open();
  await Promise.all([batch(A, 1), batch(B, 1), batch(A, 2)].map((each) => first.write(each)));
  await first.close();
  expect(content()).toBe("a1\nb1\na2\n");
  const second = await open();
  expect([second.persisted(A), second.persisted(B), second.persisted("c".repeat(32))]).toEqual([2, 1, 0]);
  await second.write(batch(B, 5));
  await second.close();
  expect(content()).toBe("a1\nb1\na2\nb5\n");
});

test("a process that was killed at any byte leaves whole batches only, and those it noted", async () => {
  const file = await open();
  for (let sequence = 1; sequence <= 4; sequence++) await file.write(batch(A, sequence));
  await file.close();
  const [whole, notes] = [content(), readFileSync(`${path}.batches`)];
  for (let length = 0; length <= notes.length; length++) {
    writeFileSync(path, whole);
    writeFileSync(`${path}.batches`, notes.subarray(0, length));
    const noted = notes.subarray(0, length).toString().split("\n").length - 1;
    // Without any note nothing tells what of the file is whole: it is somebody's file, to be kept.
    const again = await open();
    expect(again.persisted(A)).toBe(noted);
    await again.close();
    expect(content()).toBe(noted === 0 ? whole : whole.slice(0, 3 * noted));
  }
});

test("half a batch at the end is cut off", async () => {
  const file = await open();
  await file.write(batch(A, 1));
  await file.close();
  appendFileSync(path, "a");
  await (await open()).close();
  expect(content()).toBe("a1\n");
});

test("a file that was there is appended to, and one that was made shorter is not made longer", async () => {
  writeFileSync(path, "before\n");
  const file = await open();
  await file.write(batch(A, 1));
  await file.close();
  expect(content()).toBe("before\na1\n");
  truncateSync(path, 7);
  const again = await open();
  await again.write(batch(A, 2));
  await again.close();
  expect(content()).toBe("before\na2\n");
});

test("another process that has the file open leaves it as it is", async () => {
  const file = await open();
  await file.write(batch(A, 1));
  // A batch that is written and not noted yet.
  appendFileSync(path, "a");
  await expect(RecordFile.open(path, format)).rejects.toThrow("another process writes to it");
  expect(content()).toBe("a1\na");
  await file.close();
  await (await open()).close();
  expect(content()).toBe("a1\n");
});

test("nothing is cut off before it begins, by itself or with the first batch", async () => {
  const file = await open();
  await file.write(batch(A, 1));
  await file.close();
  appendFileSync(path, "a");
  const notes = readFileSync(`${path}.batches`);
  await (await RecordFile.open(path, format)).close();
  expect([content(), readFileSync(`${path}.batches`)]).toEqual(["a1\na", notes]);
  const again = await RecordFile.open(path, format);
  await again.write(batch(A, 2));
  await again.close();
  expect(content()).toBe("a1\na2\n");
});

const nobody = (index: number): string => index.toString(16).padStart(32, "0");

test("exporters that come once and never again take only so much", async () => {
  const file = await RecordFile.open(path, () => "", { bytes: 1000, exporters: 10 });
  await file.write(batch(A, 7));
  for (let index = 0; index < 500; index++) {
    await file.write(batch(nobody(index), 1));
    if (index % 5 === 0) await file.write(batch(A, 8 + index));
  }
  expect(statSync(`${path}.batches`).size).toBeLessThan(2000);
  await file.close();
  const again = await RecordFile.open(path, () => "", { bytes: 1000, exporters: 10 });
  expect([again.persisted(A), again.persisted(nobody(499)), again.persisted(nobody(0))]).toEqual([503, 1, 0]);
  await again.close();
});

test("notes that cannot be made fewer hold no batch up, and none is written twice", async () => {
  const file = await RecordFile.open(path, format, { bytes: 200, exporters: 10 });
  await file.begin();
  mkdirSync(`${path}.batches.tmp`);
  for (let sequence = 1; sequence <= 20; sequence++) await file.write(batch(A, sequence));
  expect(statSync(`${path}.batches`).size).toBeGreaterThan(700);
  rmdirSync(`${path}.batches.tmp`);
  for (let sequence = 21; sequence <= 40; sequence++) await file.write(batch(A, sequence));
  expect(statSync(`${path}.batches`).size).toBeLessThan(300);
  await file.close();
  expect(content()).toBe(Array.from({ length: 40 }, (_, index) => `a${index + 1}\n`).join(""));
  const again = await RecordFile.open(path, format);
  expect(again.persisted(A)).toBe(40);
  await again.close();
});

test("a beginning that fails is tried again with the next batch", async () => {
  const file = await RecordFile.open(path, format);
  mkdirSync(`${path}.batches.tmp`);
  await expect(file.write(batch(A, 1))).rejects.toThrow("EISDIR");
  rmdirSync(`${path}.batches.tmp`);
  await file.write(batch(A, 1));
  await file.close();
  expect(content()).toBe("a1\n");
});
