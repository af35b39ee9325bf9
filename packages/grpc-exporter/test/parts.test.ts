import { describe, expect, test } from "vitest";
import { Rates } from "../src/collector/rate.ts";
import { addressBytes } from "../src/encode/addresses.ts";
import { ExportError } from "../src/errors.ts";
import { BatchBuilder } from "../src/batch-builder.ts";
import { BatchMemory } from "../src/batch-memory.ts";
import { LossLedger } from "../src/losses.ts";
import { encodeResource, fromResource, readResource, toResource } from "../src/resource.ts";
import { Backoff } from "../src/transport/backoff.ts";
import { formatTarget, isLoopback, parseTarget } from "../src/transport/loopback.ts";
import { MemoryStore } from "../src/store/memory-store.ts";
import type { Dropped } from "../src/store/store.ts";
import { Wake } from "../src/wake.ts";
import { create } from "@bufbuild/protobuf";
import { AccountingSchema } from "@tcptracker/proto";
import { fromProto } from "../src/encode/from-proto.ts";
import { account, Traffic } from "./support/records.ts";

describe("targets", () => {
  test.each([
    ["collector.example:4319", "collector.example", 4319],
    ["127.0.0.1:0", "127.0.0.1", 0],
    ["[::1]:65535", "::1", 65535],
  ])("%s", (text, host, port) => {
    expect(parseTarget(text)).toEqual({ host, port });
    expect(formatTarget({ host, port })).toBe(text);
  });

  test.each([
    "",
    "host",
    "host:",
    ":1",
    "host:65536",
    "::1:1",
    "[::1]",
    "[host]:1",
    "a b:1",
    "http://host:1",
  ])("'%s' is none", (text) => {
    expect(() => parseTarget(text)).toThrow(ExportError);
  });

  test.each([
    ["localhost", true],
    ["LocalHost", true],
    ["127.0.0.1", true],
    ["127.255.0.9", true],
    ["::1", true],
    ["127.0.0.1.example", false],
    ["0.0.0.0", false],
    ["::", false],
    ["localhost.example", false],
    ["192.0.2.1", false],
  ])("%s is loopback: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

test("waiting times double up to the most, a half of each is chance, and begin anew", () => {
  const longest = new Backoff({ first: 100, most: 1000 }, () => 1);
  expect([1, 2, 3, 4, 5, 6].map(() => longest.next())).toEqual([100, 200, 400, 800, 1000, 1000]);
  longest.reset();
  expect(longest.next()).toBe(100);
  expect(new Backoff({ first: 100 }, () => 0).next()).toBe(50);
});

test("a peer may save up a second, and waits for what is beyond", () => {
  const rates = new Rates(1000);
  const debtAfter = (peer: string, bytes: number, now: number): number => {
    rates.charge(peer, bytes, now);
    return rates.debt(peer, now);
  };
  expect(debtAfter("a", 1000, 5000)).toBe(0);
  expect(debtAfter("a", 500, 5000)).toBe(500);
  expect(debtAfter("b", 500, 5000)).toBe(0);
  expect(debtAfter("a", 500, 6000)).toBe(0);
  const unlimited = new Rates(0);
  unlimited.charge("a", 1e9, 0);
  expect(unlimited.debt("a", 0)).toBe(0);
});

test("what wakes before somebody waits is not missed", async () => {
  const wake = new Wake();
  wake.call();
  wake.call();
  await wake.wait();
  let woken = false;
  const waiting = wake.wait().then(() => (woken = true));
  await Promise.resolve();
  expect(woken).toBe(false);
  wake.call();
  await waiting;
});

test("a resource survives being sent", () => {
  const resource = readResource("1.2.3");
  expect(fromResource(toResource(resource))).toEqual(resource);
  expect(resource.bootId).toMatch(/^[0-9a-f]{32}$/);
});

test.each(["", "1.2.3", "1.2.3.256", "::1::", "1:2:3:4:5:6:7", "g::", "1:2:3:4:5:6:7:8:9", "::1.2.3"])(
  "'%s' is no address",
  (text) => {
    expect(() => addressBytes(text)).toThrow(RangeError);
  },
);

describe("memory of batches", () => {
  const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

  test("is used again once it is given back, and not before", () => {
    const memory = new BatchMemory(100, 1000);
    const [first, second] = [memory.copy(filled(100, 1)), memory.copy(filled(80, 2))];
    expect(second.buffer).not.toBe(first.buffer);
    memory.release(first);
    const third = memory.copy(filled(90, 3));
    expect(third.buffer).toBe(first.buffer);
    expect([second, third]).toEqual([filled(80, 2), filled(90, 3)]);
    expect(memory.copy(filled(90, 4)).buffer).not.toBe(first.buffer);
  });

  test("batches that are much smaller, or larger, take no more than they need", () => {
    const memory = new BatchMemory(100, 1000);
    for (const length of [0, 74, 101]) {
      const bytes = memory.copy(filled(length, 1));
      expect(bytes).toEqual(filled(length, 1));
      expect(bytes.buffer.byteLength).toBe(length);
      memory.release(bytes);
    }
    expect(memory.copy(filled(100, 2))).toEqual(filled(100, 2));
  });

  test("no more of it is kept than was asked for", () => {
    const memory = new BatchMemory(100, 250);
    const given = [1, 2, 3].map((value) => memory.copy(filled(100, value)));
    for (const bytes of given) memory.release(bytes);
    const known = new Set(given.map(({ buffer }) => buffer));
    const again = [1, 2, 3].map((value) => memory.copy(filled(100, value)));
    expect(again.filter(({ buffer }) => known.has(buffer))).toHaveLength(2);
  });
});

describe("what is lost", () => {
  const builder = new BatchBuilder(encodeResource(readResource("0")), 1024, new BatchMemory(1024, 0));
  let sequence = 0;
  const batch = (records: readonly Parameters<typeof builder.add>[0][]): Uint8Array => {
    for (const record of records) builder.add(record);
    return builder.seal(++sequence, [], create(AccountingSchema));
  };

  test("is declared in the place of its data; other records are sent again", () => {
    const [a, b, ledger] = [new Traffic(), new Traffic("00000000000000b2"), new LossLedger()];
    ledger.lose(batch([...a.many(3, 100), ...b.many(2, 10)]), "spool_full");
    const kept = a.next(7);
    ledger.lose(batch([...a.many(2, 100), a.close()]), "spool_full");
    expect(ledger.owes).toBe(true);
    const { records, losses } = ledger.take();
    const given = records.map(fromProto);
    expect(account([...given, kept])).toEqual({ delivered: 7n, missing: 500n, causes: ["spool_full"] });
    expect(account(given, b.id)).toMatchObject({ missing: 20n });
    expect(given.map(({ type }) => type)).toEqual(["gap", "gap", "gap", "close"]);
    expect(losses).toMatchObject([
      { cause: 101, batches: 2n, records: 7n, payloadBytes: 520n, undeclaredBytes: 0n },
    ]);
    expect(ledger.owes).toBe(false);
  });

  test("again is declared once, with its sums", () => {
    const [a, ledger] = [new Traffic(), new LossLedger()];
    ledger.lose(batch(a.many(3, 100)), "queue_full");
    const first = ledger.take();
    for (const record of first.records) builder.addMessage(record);
    ledger.lose(builder.seal(++sequence, first.losses, create(AccountingSchema)), "queue_full");
    ledger.lose(batch(a.many(1, 100)), "queue_full");
    const { records, losses } = ledger.take();
    expect(records.map(fromProto)).toMatchObject([{ type: "gap", offset: 0n, size: 400n }]);
    expect(losses).toMatchObject([{ batches: 3n, records: 4n, payloadBytes: 400n }]);
  });

  test("of more connections than can be remembered is counted instead", () => {
    const ledger = new LossLedger();
    const hex = (index: number): string => index.toString(16).padStart(16, "0");
    for (let index = 0; index < 20_000; index += 100)
      ledger.lose(
        batch(Array.from({ length: 100 }, (_, each) => new Traffic(hex(index + each)).next(10))),
        "queue_full",
      );
    const { records, losses } = ledger.take();
    expect(records).toHaveLength(16_384);
    const [loss] = losses;
    expect(loss).toMatchObject({ payloadBytes: 200_000n, undeclaredBytes: BigInt(200_000 - 163_840) });
  });

  test("does not keep the batch that it was in", () => {
    const [a, ledger] = [new Traffic(), new LossLedger()];
    const lost = batch(a.many(3, 1000));
    ledger.lose(lost, "queue_full");
    const [record] = ledger.take().records;
    const address = record?.local?.address;
    expect(address).toHaveLength(4);
    expect(address?.buffer).not.toBe(lost.buffer);
    expect(address?.buffer.byteLength).toBeLessThan(1000);
  });

  test("and cannot be read is counted in batches", () => {
    const ledger = new LossLedger();
    ledger.loseUnread(3, "spool_damaged");
    expect(ledger.take()).toMatchObject({ records: [], losses: [{ cause: 102, batches: 3n, records: 0n }] });
  });
});

test("a batch that is taken is not given up on its way to whoever takes it", async () => {
  const dropped: Dropped[] = [];
  const store = new MemoryStore(2500, (each) => dropped.push(each));
  const bytes = new Uint8Array(1000);
  await store.append({ sequence: 1, bytes });
  const taking = store.take(0);
  for (let sequence = 2; sequence <= 5; sequence++) void store.append({ sequence, bytes });
  expect(await taking).toMatchObject({ sequence: 1, again: false });
  expect(dropped).toHaveLength(3);
  expect((await store.next(0))?.sequence).toBe(1);
  expect(await store.take(0)).toMatchObject({ sequence: 1, again: true });
});
