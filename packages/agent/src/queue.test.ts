import fc from "fast-check";
import { expect, test } from "vitest";
import { AsyncQueue } from "./queue.ts";

async function toArray<T>(queue: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

test("items come out in order, then the end", async () => {
  const queue = new AsyncQueue<number>(() => undefined);
  queue.push(1);
  queue.push(2);
  queue.end();
  expect(await toArray(queue)).toEqual([1, 2]);
});

test("a consumer that came first is woken", async () => {
  const queue = new AsyncQueue<number>(() => undefined);
  const items = toArray(queue);
  await new Promise(setImmediate);
  queue.push(1);
  await new Promise(setImmediate);
  queue.push(2);
  queue.push(3);
  queue.end();
  expect(await items).toEqual([1, 2, 3]);
});

test("an error comes after what is queued, and the first end counts", async () => {
  const queue = new AsyncQueue<number>(() => undefined);
  queue.push(1);
  queue.end(new Error("first"));
  queue.end(new Error("second"));
  const seen: number[] = [];
  await expect(async () => {
    for await (const item of queue) seen.push(item);
  }).rejects.toThrow("first");
  expect(seen).toEqual([1]);
});

test("an end wakes a waiting consumer, with an error too", async () => {
  const quiet = new AsyncQueue<number>(() => undefined);
  const nothing = toArray(quiet);
  const broken = new AsyncQueue<number>(() => undefined);
  const failing = toArray(broken);
  await new Promise(setImmediate);
  quiet.end();
  broken.end(new Error("broken"));
  expect(await nothing).toEqual([]);
  await expect(failing).rejects.toThrow("broken");
});

test("the producer learns of each item when it is taken, not before", async () => {
  const taken: string[] = [];
  const queue = new AsyncQueue<string>((item) => taken.push(item));
  queue.push("a");
  queue.push("b");
  const items = queue[Symbol.asyncIterator]();
  expect(taken).toEqual([]);
  await items.next();
  expect(taken).toEqual(["a"]);
  await items.next();
  expect(taken).toEqual(["a", "b"]);
});

test("any interleaving of pushes and pauses of both sides delivers everything, in order", async () => {
  const wait = async (how: "nothing" | "microtask" | "turn"): Promise<void> => {
    if (how === "microtask") await Promise.resolve();
    else if (how === "turn") await new Promise(setImmediate);
  };
  const pauses = fc.array(fc.constantFrom("nothing" as const, "microtask" as const, "turn" as const), {
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(pauses, pauses, async (producer, consumer) => {
      let outstanding = 0;
      const queue = new AsyncQueue<number>(() => outstanding--);
      const seen: number[] = [];
      const consumed = (async () => {
        for await (const item of queue) {
          await wait(consumer[seen.length % Math.max(1, consumer.length)] ?? "nothing");
          seen.push(item);
        }
      })();
      for (const [index, how] of producer.entries()) {
        outstanding++;
        queue.push(index);
        await wait(how);
      }
      queue.end();
      await consumed;
      expect(seen).toEqual([...producer.keys()]);
      expect(outstanding).toBe(0);
    }),
  );
});
