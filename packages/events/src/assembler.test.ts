import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble, assembleAsync, stream } from "./assemble.ts";
import { StreamAssembler } from "./assembler.ts";
import type { Direction } from "./gen/layout.ts";
import type { RecordBase, TapRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

function base(id: string): RecordBase {
  return {
    time: 0n,
    connection: { id, role: "client", joined: "start" },
    local: { address: "192.0.2.1", port: 1 },
    remote: { address: "192.0.2.2", port: 2 },
    network: { type: "ipv4", transport: "tcp" },
    process: { pid: 1, tid: 1, uid: 0 },
  };
}

function data(
  offset: number,
  payload: Uint8Array | string,
  id = "a",
  direction: Direction = "egress",
): TapRecord {
  const bytes = typeof payload === "string" ? Uint8Array.from(Buffer.from(payload)) : payload;
  const common = {
    type: "data",
    ...base(id),
    direction,
    offset: BigInt(offset),
    size: BigInt(bytes.length),
  } as const;
  return bytes.length === 0 ? common : { ...common, payload: bytes };
}

function gap(offset: number, size: number, id = "a", direction: Direction = "egress"): TapRecord {
  return {
    type: "gap",
    ...base(id),
    direction,
    offset: BigInt(offset),
    size: BigInt(size),
    cause: "ring_full",
  };
}

function close(egress: number, ingress = 0, id = "a"): TapRecord {
  const counts = { egress: { bytes: BigInt(egress) }, ingress: { bytes: BigInt(ingress) } };
  return { type: "close", ...base(id), ...counts, duration: 1n, tcp: { retransmits: 0 } };
}

/** Segments in short: offset and text, `<cause size>` or `end`. */
function brief(segments: Iterable<Segment>): string[] {
  return Array.from(segments, (segment) => {
    if (segment.type === "data") return `${segment.offset} ${Buffer.from(segment.bytes).toString()}`;
    return segment.type === "gap"
      ? `${segment.offset} <${segment.cause} ${segment.size}>`
      : `${segment.offset} end`;
  });
}

describe("StreamAssembler", () => {
  test("gives out at once what is in order", () => {
    const assembler = new StreamAssembler();
    expect(brief(assembler.push(data(0, "ab")))).toEqual(["0 ab"]);
    expect(brief(assembler.push(gap(2, 3)))).toEqual(["2 <ring_full 3>"]);
    expect(brief(assembler.push(data(5, "c")))).toEqual(["5 c"]);
    expect(brief(assembler.push(data(6, "")))).toEqual([]);
    expect(brief(assembler.push(close(6)))).toEqual(["6 end", "0 end"]);
    expect(assembler.stats).toEqual({
      connections: 0,
      bufferedBytes: 0,
      discardedBytes: 0n,
      missingBytes: 0n,
    });
  });

  test("holds back what comes early", () => {
    const assembler = new StreamAssembler();
    expect(assembler.push(data(4, "ef"))).toEqual([]);
    expect(assembler.push(data(2, "cd"))).toEqual([]);
    expect(assembler.stats.bufferedBytes).toBe(4);
    expect(brief(assembler.push(data(0, "ab")))).toEqual(["0 ab", "2 cd", "4 ef"]);
    expect(assembler.stats.bufferedBytes).toBe(0);
  });

  test("doubles nothing, and counts what it discards", () => {
    const assembler = new StreamAssembler();
    assembler.push(data(2, "cd"));
    assembler.push(data(6, "gh"));
    expect(brief(assembler.push(data(1, "bcdefghi")))).toEqual([]);
    expect(brief(assembler.push(data(0, "ab")))).toEqual(["0 a", "1 b", "2 cd", "4 ef", "6 gh", "8 i"]);
    expect(brief(assembler.push(data(3, "defghijk")))).toEqual(["9 jk"]);
    expect(assembler.stats).toMatchObject({ bufferedBytes: 0, discardedBytes: 4n + 1n + 6n });
  });

  test("keeps connections and directions apart", () => {
    const assembler = new StreamAssembler();
    const records = [data(0, "a1"), data(0, "b1", "b"), data(0, "a2", "a", "ingress"), data(2, "a3")];
    const segments = records.flatMap((record) => assembler.push(record));
    expect(segments.map(({ connection, direction }) => `${connection} ${direction}`)).toEqual([
      "a egress",
      "b egress",
      "a ingress",
      "a egress",
    ]);
  });

  test("declares missing what did not come within the window", () => {
    const assembler = new StreamAssembler({ window: 2 });
    expect(assembler.push(data(3, "d"))).toEqual([]);
    expect(brief(assembler.push(data(0, "x", "b")))).toEqual(["0 x"]);
    expect(brief(assembler.push(data(1, "y", "b")))).toEqual(["1 y", "0 <missing 3>", "3 d"]);
    expect(assembler.push(data(0, "late"))).toEqual([]);
    expect(assembler.stats).toMatchObject({ missingBytes: 3n, discardedBytes: 4n });
  });

  test("waits for the end of a closed connection, and declares what is missing there", () => {
    const assembler = new StreamAssembler({ window: 3 });
    assembler.push(data(0, "ab"));
    expect(assembler.push(close(5, 1))).toEqual([]);
    expect(brief(assembler.push(data(3, "d")))).toEqual([]);
    expect(brief(assembler.push(data(2, "c")))).toEqual(["2 c", "3 d"]);
    expect(brief(assembler.push(data(0, "x", "b")))).toEqual([
      "0 x",
      "4 <missing 1>",
      "0 <missing 1>",
      "5 end",
      "1 end",
    ]);
    expect(assembler.push(data(4, "e"))).toEqual([]);
    expect(assembler.stats).toMatchObject({ connections: 1, missingBytes: 2n, discardedBytes: 1n });
  });

  test("ends a closed connection as soon as its last bytes come", () => {
    const assembler = new StreamAssembler();
    assembler.push(close(2));
    expect(brief(assembler.push(data(0, "ab")))).toEqual(["0 ab", "2 end", "0 end"]);
  });

  test("gives out what waits when it is flushed, and goes on", () => {
    const assembler = new StreamAssembler();
    assembler.push(data(1, "b"));
    assembler.push(data(3, "d"));
    assembler.push(data(2, "z", "b"));
    expect(brief(assembler.flush("a"))).toEqual(["0 <missing 1>", "1 b", "2 <missing 1>", "3 d"]);
    expect(brief(assembler.flush("unknown"))).toEqual([]);
    expect(brief(assembler.flush())).toEqual(["0 <missing 2>", "2 z"]);
    expect(brief(assembler.push(data(4, "e")))).toEqual(["4 e"]);
  });

  test("holds back no more bytes than it may", () => {
    const assembler = new StreamAssembler({ maxBufferedBytes: 4 });
    assembler.push(data(1, "bcd"));
    expect(brief(assembler.push(data(7, "ef", "b")))).toEqual(["0 <missing 1>", "1 bcd"]);
    expect(assembler.stats.bufferedBytes).toBe(2);
  });

  test("keeps no more connections than it may, and remembers where they stood", () => {
    const assembler = new StreamAssembler({ maxConnections: 2 });
    assembler.push(data(0, "ab", "a"));
    assembler.push(data(3, "d", "a"));
    assembler.push(data(0, "x", "b"));
    expect(brief(assembler.push(data(0, "y", "c")))).toEqual(["2 <missing 1>", "3 d", "0 y"]);
    expect(assembler.stats.connections).toBe(2);
    expect(brief(assembler.push(data(4, "e", "a")))).toEqual(["4 e"]);
  });

  test("stays small over many connections", () => {
    const assembler = new StreamAssembler({ maxConnections: 100, window: 10 });
    for (let index = 0; index < 20_000; index++) assembler.push(data(index % 3, "abc", `${index}`));
    expect(assembler.stats.connections).toBe(100);
    expect(assembler.stats.bufferedBytes).toBeLessThanOrEqual(33);
  });

  test("forgets the oldest of the closed connections, and only then", () => {
    const assembler = new StreamAssembler({ maxConnections: 2 });
    for (const id of ["a", "b"]) assembler.push(close(0, 0, id));
    expect(assembler.push(data(0, "x", "a"))).toEqual([]);
    assembler.push(close(0, 0, "c"));
    expect(brief(assembler.push(data(0, "x", "a")))).toEqual(["0 x"]);
    expect(assembler.push(data(0, "x", "b"))).toEqual([]);
  });

  test("stays fast when much waits", () => {
    const assembler = new StreamAssembler({ window: 10_000 });
    const start = performance.now();
    for (let index = 1; index <= 10_000; index++) assembler.push(data(2 * index, "x"));
    expect(brief(assembler.flush())).toHaveLength(20_000);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("refuses bounds that are none", () => {
    expect(() => new StreamAssembler({ window: -1 })).toThrow(RangeError);
    expect(() => new StreamAssembler({ maxConnections: 0 })).toThrow(RangeError);
    expect(() => new StreamAssembler({ maxBufferedBytes: 1.5 })).toThrow(RangeError);
  });
});

describe("assemble, assembleAsync and stream", () => {
  const records = [data(0, "ab"), data(1, "x", "b"), data(2, "yes", "a", "ingress"), data(2, "cd")];

  test("give the segments of a sequence", async () => {
    const expected = ["0 ab", "2 cd", "0 <missing 2>", "2 yes", "0 <missing 1>", "1 x"];
    expect(brief(assemble(records)).sort()).toEqual(expected.toSorted());
    const seen: Segment[] = [];
    // eslint-disable-next-line @typescript-eslint/require-await -- a source is asynchronous
    const source = (async function* () {
      yield* records;
    })();
    for await (const segment of assembleAsync(source)) seen.push(segment);
    expect(brief(seen).sort()).toEqual(expected.toSorted());
  });

  test("give one direction of one connection", () => {
    expect(brief(stream(records, "a", "egress"))).toEqual(["0 ab", "2 cd"]);
    expect(brief(stream(records, "a", "ingress"))).toEqual(["0 <missing 2>", "2 yes"]);
  });
});

/** A stream cut into records, with what has to come out: each byte, or "gap" where a gap record covers it. */
interface Cut {
  readonly records: readonly TapRecord[];
  readonly expected: readonly (number | string)[];
}

const cuts = (id: string, direction: Direction): fc.Arbitrary<Cut> =>
  fc
    .array(fc.record({ isGap: fc.boolean(), bytes: fc.uint8Array({ maxLength: 9 }) }), { maxLength: 30 })
    .map((pieces) => {
      let offset = 0;
      const records: TapRecord[] = [];
      const expected: (number | string)[] = [];
      for (const { isGap, bytes } of pieces) {
        records.push(isGap ? gap(offset, bytes.length, id, direction) : data(offset, bytes, id, direction));
        expected.push(...(isGap ? Array.from(bytes, () => "ring_full") : bytes));
        offset += bytes.length;
      }
      return { records, expected };
    });

/** What came out, as in {@link Cut}; fails if the segments do not tile the stream. */
function flatten(segments: readonly Segment[], id: string, direction: Direction): (number | string)[] {
  const out: (number | string)[] = [];
  for (const segment of segments) {
    if (segment.connection !== id || segment.direction !== direction) continue;
    expect(segment.offset).toBe(BigInt(out.length));
    if (segment.type === "data") {
      expect(segment.bytes.length).toBeGreaterThan(0);
      out.push(...segment.bytes);
    } else if (segment.type === "gap") {
      expect(segment.size).toBeGreaterThan(0n);
      out.push(...Array.from({ length: Number(segment.size) }, () => segment.cause));
    }
  }
  return out;
}

/** Puts each record at most `window` records later than it was. */
function shuffleWithin<T>(items: readonly T[], window: number, delays: readonly number[]): T[] {
  return items
    .map((item, index) => ({ item, due: index + ((delays[index] ?? 0) % (window + 1)), index }))
    .sort((a, b) => a.due - b.due || a.index - b.index)
    .map(({ item }) => item);
}

describe("laws", () => {
  const streams = fc.tuple(cuts("a", "egress"), cuts("a", "ingress"), cuts("b", "egress"));
  const delays = fc.array(fc.nat(1000), { minLength: 300, maxLength: 300 });

  function closesOf([a, b, c]: readonly [Cut, Cut, Cut]): TapRecord[] {
    return [close(a.expected.length, b.expected.length, "a"), close(c.expected.length, 0, "b")];
  }

  function expectAll(segments: readonly Segment[], [a, b, c]: readonly [Cut, Cut, Cut]): void {
    expect(flatten(segments, "a", "egress")).toEqual(a.expected);
    expect(flatten(segments, "a", "ingress")).toEqual(b.expected);
    expect(flatten(segments, "b", "egress")).toEqual(c.expected);
    expect(segments.filter(({ type }) => type === "end")).toHaveLength(4);
  }

  test("records in any order within the window give the stream, its gaps, and nothing else", () => {
    const law = fc.property(streams, delays, fc.integer({ min: 0, max: 20 }), (cut, late, window) => {
      const records = [...cut.flatMap((one) => one.records), ...closesOf(cut)];
      const assembler = new StreamAssembler({ window: 2 * window });
      const segments = shuffleWithin(records, window, late).flatMap((record) => assembler.push(record));
      expectAll(segments, cut);
      expect(assembler.stats).toEqual({
        connections: 0,
        bufferedBytes: 0,
        discardedBytes: 0n,
        missingBytes: 0n,
      });
    });
    fc.assert(law, { numRuns: 500 });
  });

  test("repeated records change nothing", () => {
    const law = fc.property(streams, delays, fc.array(fc.nat(1), { minLength: 100 }), (cut, late, twice) => {
      const records = cut
        .flatMap((one) => one.records)
        .flatMap((record, i) => (twice[i] === 1 ? [record, record] : [record]));
      const assembler = new StreamAssembler();
      const shuffled = [...shuffleWithin(records, 300, late), ...closesOf(cut)];
      expectAll(
        shuffled.flatMap((record) => assembler.push(record)),
        cut,
      );
      expect(assembler.stats).toMatchObject({ connections: 0, bufferedBytes: 0, missingBytes: 0n });
    });
    fc.assert(law, { numRuns: 300 });
  });

  test("lost records become gaps of their size, and every byte that came is there", () => {
    const law = fc.property(
      streams,
      delays,
      fc.array(fc.boolean(), { minLength: 100 }),
      (cut, late, lost) => {
        const all = cut.flatMap((one) => one.records);
        const kept = all.filter((_, index) => lost[index] !== true);
        const expected = cut.map((one) =>
          one.records.flatMap((record) => {
            if (record.type !== "data" && record.type !== "gap") return [];
            const from = Number(record.offset);
            const size = record.type === "gap" ? Number(record.size) : (record.payload?.length ?? 0);
            const piece = one.expected.slice(from, from + size);
            return kept.includes(record) ? piece : piece.map(() => "missing");
          }),
        );
        const assembler = new StreamAssembler();
        const shuffled = shuffleWithin([...kept, ...closesOf(cut)], 300, late);
        const segments = [...shuffled.flatMap((record) => assembler.push(record)), ...assembler.flush()];
        expect(flatten(segments, "a", "egress")).toEqual(expected[0]);
        expect(flatten(segments, "a", "ingress")).toEqual(expected[1]);
        expect(flatten(segments, "b", "egress")).toEqual(expected[2]);
        expect(assembler.stats).toMatchObject({ connections: 0, bufferedBytes: 0, discardedBytes: 0n });
      },
    );
    fc.assert(law, { numRuns: 300 });
  });

  test("whatever comes, the segments tile their stream and the bounds hold", () => {
    const span = fc.record({
      offset: fc.nat(60),
      size: fc.nat(20),
      id: fc.constantFrom("a", "b", "c"),
      kind: fc.nat(5),
    });
    const options = fc.record({
      window: fc.nat(10),
      maxBufferedBytes: fc.nat(40),
      maxConnections: fc.integer({ min: 1, max: 3 }),
    });
    const law = fc.property(fc.array(span, { maxLength: 60 }), options, (spans, bounds) => {
      const content = Uint8Array.from({ length: 80 }, (_, index) => index);
      const assembler = new StreamAssembler(bounds);
      const segments: Segment[] = [];
      for (const { offset, size, id, kind } of spans) {
        const record =
          kind === 0 ? gap(offset, size, id) : data(offset, content.slice(offset, offset + size), id);
        segments.push(...assembler.push(kind === 1 && size === 0 ? close(offset, 0, id) : record));
        expect(assembler.stats.bufferedBytes).toBeLessThanOrEqual(bounds.maxBufferedBytes);
        expect(assembler.stats.connections).toBeLessThanOrEqual(bounds.maxConnections);
      }
      segments.push(...assembler.flush());
      expect(assembler.stats.bufferedBytes).toBe(0);
      // Three connections at most are kept and as many remembered, so none begins anew unless fewer are.
      if (bounds.maxConnections < 3) return;
      for (const id of ["a", "b", "c"]) {
        for (const [index, value] of flatten(segments, id, "egress").entries()) {
          if (typeof value === "number") expect(value).toBe(index);
        }
      }
    });
    fc.assert(law, { numRuns: 1000 });
  });
});
