import { RecordCursor, toRecord, type TapRecord } from "@tcptracker/events";
import { compile, type Filter } from "@tcptracker/filter";
import { describe, expect, test } from "vitest";
import { batchOf, type RawRecord } from "../../test/support/batches.ts";
import { CallJudge } from "./call-judge.ts";

const CLOCK = { toEpoch: (time: bigint): bigint => time };

/** A judge, and what it has passed so far: data as its payload, other records as their type. */
class Bench {
  readonly judge: CallJudge;
  readonly #passed: TapRecord[] = [];
  readonly #cursor = new RecordCursor();

  constructor(filters: Readonly<Record<number, Filter>>, current = 0) {
    this.judge = new CallJudge(({ filterGeneration }) => filters[filterGeneration] ?? filters[current]);
  }

  push(...records: readonly RawRecord[]): this {
    this.#cursor.reset(batchOf(records));
    while (this.#cursor.next())
      this.judge.judge(this.#cursor, () => toRecord(this.#cursor, CLOCK), this.#passed);
    return this;
  }

  expire(until?: bigint): this {
    this.judge.expire(this.#passed, until);
    return this;
  }

  finish(): this {
    this.judge.finish(this.#passed);
    return this;
  }

  get passed(): string[] {
    return this.#passed.map((record) =>
      record.type === "data" ? Buffer.from(record.payload ?? []).toString() : record.type,
    );
  }
}

/** More calls of which the rest is missing than are held back. */
function pushOthers(bench: Bench): void {
  for (let tid = 2; tid < 5000; tid++) bench.push({ type: "data", payload: "other", size: 8n, tid });
}

const whole = (text: string): Bench => new Bench({ 0: compile(text) });

describe("a call in several records", () => {
  const parts: readonly RawRecord[] = [
    { type: "data", payload: "GET ", size: 10n },
    { type: "data", payload: "/ap", size: 10n, offset: 4n },
    { type: "gap", size: 3n, offset: 7n, cause: "snaplen" },
  ];

  test("passes as a whole, when all of it is known", () => {
    const bench = whole('payload.endsWith(b"/ap") && size == 10');
    for (const part of parts.slice(0, 2)) bench.push(part);
    expect(bench.passed).toEqual([]);
    expect(bench.push(...parts.slice(2)).passed).toEqual(["GET ", "/ap", "gap"]);
    expect(bench.judge.waitingCalls).toBe(0);
  });

  test("is dropped as a whole, and counted", () => {
    const bench = whole('payload == b"GET "').push(...parts);
    expect(bench.passed).toEqual([]);
    expect(bench.judge.dropped).toEqual({ records: 3, calls: 1, payloadBytes: 7n, gapBytes: 3n });
  });

  test("is not mixed with another thread's, or another connection's", () => {
    const bench = whole('payload == b"abcd"');
    bench.push({ type: "data", payload: "ab", size: 4n }, { type: "data", payload: "cd", size: 4n, tid: 2 });
    bench.push(
      { type: "data", payload: "cd", size: 4n, offset: 2n },
      { type: "data", payload: "ab", size: 4n, connection: 8n },
    );
    expect(bench.passed).toEqual(["ab", "cd"]);
    expect(bench.judge.waitingCalls).toBe(2);
  });

  test("is decided after 65,536 bytes, and its rest goes the same way", () => {
    const large = "x".repeat(65_536);
    for (const [text, passes] of [
      ['payload.startsWith(b"x") && !payload.contains(b"y")', true],
      ['payload.contains(b"y")', false],
    ] as const) {
      const bench = whole(text).push({ type: "data", payload: large, size: 65_540n });
      expect(bench.passed.length).toBe(passes ? 1 : 0);
      bench.push({ type: "data", payload: "yyyy", size: 65_540n, offset: 65_536n });
      expect(bench.passed.length).toBe(passes ? 2 : 0);
      expect(bench.judge.waitingCalls).toBe(0);
    }
  });
});

describe("a call of which records are missing", () => {
  const first: RawRecord = { type: "data", payload: "half", size: 8n };

  test.each<[string, RawRecord]>([
    ["its thread's next call", { type: "data", payload: "next", time: 2n }],
    ["its connection's end", { type: "close" }],
  ])("is judged by what there is at %s", (_name, next) => {
    const bench = whole('payload == b"half" || type == "close"').push(first);
    expect(bench.passed).toEqual([]);
    bench.push(next);
    expect(bench.passed[0]).toBe("half");
    expect(bench.judge.waitingCalls).toBe(0);
  });

  test("is judged after a second, or when nothing more comes", () => {
    const bench = whole('payload == b"half"').push(first);
    expect(bench.expire(500_000_000n).passed).toEqual([]);
    expect(bench.expire(1_000_000_002n).passed).toEqual(["half"]);
    expect(whole('payload == b"half"').push(first).finish().passed).toEqual(["half"]);
  });

  test("is judged once another record is a second newer, whatever the clock says", () => {
    const bench = whole('payload == b"half" || payload == b"new"').push(first).expire();
    expect(bench.passed).toEqual([]);
    bench.push({ type: "data", payload: "new", tid: 2, time: 500_000_000n }).expire();
    expect(bench.passed).toEqual(["new"]);
    bench.push({ type: "data", payload: "new", tid: 2, time: 1_000_000_002n }).expire();
    expect(bench.passed).toEqual(["new", "new", "half"]);
  });

  test.each<[string, (bench: Bench) => unknown]>([
    ["after a second", (bench) => bench.expire(2_000_000_000n)],
    ["for the number of others", pushOthers],
  ])("keeps the verdict that it was given %s", (_name, judgeEarly) => {
    const rest: readonly RawRecord[] = [
      { type: "data", payload: "re", size: 8n, offset: 4n },
      { type: "data", payload: "st", size: 8n, offset: 6n },
    ];
    for (const [text, passed] of [
      ['payload == b"half"', ["half", "re", "st"]],
      ['payload.contains("st")', []],
    ] as const) {
      const bench = whole(text).push(first);
      judgeEarly(bench);
      const { calls } = bench.judge.dropped;
      expect(bench.push(...rest).passed).toEqual(passed);
      expect(bench.judge.dropped.calls).toBe(calls);
    }
  });

  test("is held back for no more than so many others", () => {
    const bench = whole('payload == b"half"');
    for (let tid = 0; tid < 5000; tid++) bench.push({ ...first, tid });
    expect(bench.judge.waitingCalls).toBeLessThanOrEqual(4096);
    expect(bench.passed.length).toBeGreaterThanOrEqual(5000 - 4096);
  });
});

describe("what is judged by what", () => {
  const filter = compile('remote.port == 80 && payload.matches("a")');

  test("calls that the kernel has judged, by the rest only", () => {
    expect(filter.kernel).toBeDefined();
    const other = compile('remote.port == 443 && payload.matches("a")');
    const bench = new Bench({ 3: other });
    bench.push({ type: "data", payload: "a", filter: 3 }, { type: "data", payload: "b", filter: 3 });
    expect(bench.passed).toEqual(["a"]);
  });

  test("calls that it has not, by all of the filter in force", () => {
    const bench = new Bench({ 3: compile("remote.port == 443"), 4: filter }, 4);
    bench.push(
      { type: "data", payload: "a" },
      { type: "data", payload: "b" },
      { type: "data", payload: "b", filter: 3 },
    );
    expect(bench.passed).toEqual(["a", "b"]);
  });

  test("open and close records by all of it, gaps by whether what is missing might have passed", () => {
    const bench = whole('type == "open" || (remote.port == 80 && payload == b"x")');
    bench.push({ type: "open" }, { type: "close" }, { type: "gap", size: 5n, cause: "ring_full" });
    expect(bench.passed).toEqual(["open", "gap"]);
    expect(whole("remote.port == 81").push({ type: "gap", size: 5n, cause: "unseen" }).passed).toEqual([]);
  });

  test("gaps that are calls, as calls", () => {
    const bench = whole('type == "data" && size == 5').push({ type: "gap", size: 5n, cause: "splice" });
    expect(bench.passed).toEqual(["gap"]);
    expect(bench.judge.waitingCalls).toBe(0);
  });

  test("everything passes without a filter", () => {
    expect(new Bench({}).push({ type: "open" }, { type: "data", payload: "a" }).passed).toEqual([
      "open",
      "a",
    ]);
  });
});
