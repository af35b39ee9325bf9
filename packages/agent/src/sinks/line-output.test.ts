import { once } from "node:events";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { LineOutput } from "./line-output.ts";

/** Takes a write when told to; until then it is a reader that is slow. */
class SlowStream extends Writable {
  readonly written: string[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 16, decodeStrings: false });
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    this.#waiting.push(done);
  }

  /** The reader takes what was written. */
  take(): void {
    for (const done of this.#waiting.splice(0)) done();
  }
}

/** Whether a promise is still waiting after everything that can happen by itself has happened. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const turn = new Promise((resolve) =>
    setImmediate(() => {
      resolve("pending");
    }),
  );
  return (await Promise.race([promise, turn])) === "pending";
}

test("lines are collected until a flush", async () => {
  const stream = new SlowStream();
  const output = new LineOutput(stream);
  await output.writeLine("one");
  await output.writeLine("two");
  expect(stream.written).toEqual([]);
  await output.flush();
  expect(stream.written).toEqual(["one\ntwo\n"]);
});

test("much is written without waiting for a flush", async () => {
  const stream = new SlowStream();
  const output = new LineOutput(stream);
  const line = "x".repeat(65535);
  const writing = output.writeLine(line);
  expect(stream.written).toEqual([`${line}\n`]);
  stream.take();
  await writing;
});

test("a flush waits for a slow reader, and only as long as it is slow", async () => {
  const stream = new SlowStream();
  const output = new LineOutput(stream);
  await output.writeLine("longer than the stream's high-water mark");
  const flushed = output.flush();
  expect(await isPending(flushed)).toBe(true);
  stream.take();
  await flushed;
  expect(await isPending(output.flush())).toBe(false);
});

test("waiting often leaves no listeners behind", async () => {
  const stream = new SlowStream();
  const output = new LineOutput(stream);
  for (let i = 0; i < 20; i++) {
    await output.writeLine("longer than the stream's high-water mark");
    const flushed = output.flush();
    stream.take();
    await flushed;
  }
  expect(stream.written).toHaveLength(20);
  expect(stream.eventNames()).toEqual([]);
});

test.each([
  ["without an error", undefined],
  ["with one", Object.assign(new Error("write EPIPE"), { code: "EPIPE" })],
])("a reader that goes away %s ends the wait", async (_how, error) => {
  const stream = new SlowStream();
  const failed = error === undefined ? undefined : once(stream, "error");
  const output = new LineOutput(stream);
  await output.writeLine("longer than the stream's high-water mark");
  const flushed = output.flush();
  stream.destroy(error);
  await flushed;
  if (failed !== undefined) expect(await failed).toEqual([error]);
  expect(stream.eventNames()).toEqual([]);
});

test("a destroyed or ended stream gets nothing more, and nothing goes wrong", async () => {
  for (const finish of [(stream: Writable) => stream.destroy(), (stream: Writable) => stream.end()]) {
    const stream = new SlowStream();
    const errors: unknown[] = [];
    stream.on("error", (error) => errors.push(error));
    finish(stream);
    const output = new LineOutput(stream);
    await output.writeLine("x".repeat(100_000));
    await output.flush();
    await new Promise(setImmediate);
    expect(stream.written).toEqual([]);
    expect(errors).toEqual([]);
  }
});
