import { basename } from "node:path";
import type { DataRecord, TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TapOptions } from "../../src/index.ts";
import { buildTraffic } from "../traffic/build.ts";
import { payloadBytes } from "../traffic/expected.ts";
import { runTraffic, type TrafficReport } from "../traffic/program.ts";
import { THOROUGH } from "./support/scenarios.ts";
import { expectBalance } from "./support/account.ts";
import { tryCase } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { keep, seen } from "./support/filtered.ts";
import { assemble } from "./support/streams.ts";

const SEED = 1;

/** Bytes as a literal of the filter's language. */
function literal(bytes: Uint8Array): string {
  return `b"${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"`;
}

/** The first bytes that the client sends. */
function beginning(length: number): string {
  return literal(payloadBytes(SEED, length));
}

/** The generator's process name, and as a test of a filter. */
const NAME = basename(buildTraffic()).slice(0, 15);
const OURS = `process.name == "${NAME}"`;

/** A tap that keeps all, and one that keeps what its filter says: a pair for most tests, since a slow machine takes long to load one. */
interface Pair {
  readonly everything: Collector;
  readonly filtered: Collector;
}

function pairOf(options: TapOptions = {}): Pair {
  return { everything: new Collector(options), filtered: new Collector({ ...options, filter: OURS }) };
}

let pair: Pair;

beforeAll(() => {
  pair = pairOf();
});

afterAll(async () => {
  const { everything, filtered } = pair;
  await everything[Symbol.asyncDispose]();
  await filtered[Symbol.asyncDispose]();
  expectBalance(everything.statistics());
  expectBalance(filtered.statistics());
});

interface Tapped {
  readonly kept: readonly TapRecord[];
  readonly report: TrafficReport;
}

/** Checks a filter against its definition, on what an unfiltered tap saw of the same calls; gives what it kept. */
async function expectFiltered(filter: string, args: readonly string[], taps: Pair = pair): Promise<Tapped> {
  taps.filtered.setFilter(filter);
  const [report] = await runTraffic(["--seed", String(SEED), ...args]);
  if (report === undefined) throw new Error("no report");
  return { kept: await keptOf(filter, [report.client.port, report.server.port], taps), report };
}

/** What a filter kept of both ends of a connection, and nothing else. */
async function keptOf(
  filter: string,
  [client, server]: readonly [number, number],
  taps: Pair,
): Promise<TapRecord[]> {
  const kept: TapRecord[] = [];
  for (const [local, remote] of [
    [client, server],
    [server, client],
  ] as const) {
    const expected = keep(filter, await taps.everything.closed(local, remote)).map(seen);
    const got = await taps.filtered.until(() => {
      const records = taps.filtered.recordsOf(local, remote);
      return records.length >= expected.length ? records : undefined;
    }, `${expected.length} records that ${filter} keeps`);
    expect(got.map(seen)).toEqual(expected);
    kept.push(...got);
  }
  return kept;
}

function dataOf(records: readonly TapRecord[]): DataRecord[] {
  return records.filter((record): record is DataRecord => record.type === "data");
}

const SMALL_CALLS = ["--size", "20000", "--call-size", "2000"];

for (const { send, receive, segments } of [
  { send: "write", receive: "read", segments: 1 },
  { send: "sendto", receive: "recvfrom", segments: 1 },
  { send: "writev", receive: "readv", segments: 7 },
  { send: "pwritev2", receive: "preadv2", segments: 3 },
  { send: "sendmsg", receive: "recvmsg", segments: 12 },
  { send: "sendmmsg", receive: "recvmmsg", segments: 5 },
])
  test(`the beginning of a call's payload: ${send}, ${receive}, ${segments} segments`, async () => {
    const filter = `${OURS} && payload.startsWith(${beginning(150)})`;
    const args = [...SMALL_CALLS, "--send", send, "--receive", receive, "--segments", String(segments)];
    const { kept, report } = await expectFiltered(filter, args);
    expect(pair.filtered.filtersInKernel).toBe(true);
    const sent = dataOf(kept).filter(
      ({ direction, local }) => direction === "egress" && local.port === report.client.port,
    );
    expect(sent[0]?.offset).toBe(0n);
    expect(new Set(sent.map(({ time }) => time)).size, "one call").toBe(1);
  });

for (const [name, filter, some] of [
  ["what the kernel decides alone", `${OURS} && size >= 2000 && direction == "egress"`, true],
  [
    "what user space decides alone",
    `process.name.matches("^${NAME}$") && payload.matches("(?s)^.{900}")`,
    true,
  ],
  ["a part each", `${OURS} && payload.contains(b"\\x00\\x01") == false`, true],
  ["an end of a call", `payload.endsWith(${literal(payloadBytes(SEED, 4, 1996))})`, true],
  ["either of two things", `process.name == "nobody" || payload.startsWith(${beginning(3)})`, true],
  ["open records", `type == "open" && ${OURS}`, true],
  ["close records", 'type == "close" && port(1) == false', true],
  ["all but data", 'type != "data"', true],
  ["loopback", `remote.address.in("127.0.0.0/8") && ${OURS}`, true],
  ["nothing", 'process.name == "no such program"', false],
] as const)
  test(`records that are kept: ${name}`, async () => {
    const { kept } = await expectFiltered(filter, SMALL_CALLS);
    expect(kept.length > 0).toBe(some);
  });

test("calls whose bytes are in the pages of a file", async () => {
  const args = ["--send", "sendfile", "--receive", "read", "--size", "30000"];
  const { kept } = await expectFiltered(`${OURS} && syscall == "sendfile"`, args);
  expect(kept.length).toBeGreaterThan(0);
  await expectFiltered(`${OURS} && payload.startsWith(${beginning(20)})`, args);
  const residual = await expectFiltered('syscall.matches("^sendfile") && size > 0', args);
  expect(residual.kept.length).toBe(kept.length);
});

for (const [send, receive, ...options] of [
  ["send", "recv"],
  ["writev", "readv", "segments=40"],
  ["sendmsg", "recvmsg", "async"],
  ["send", "recv", "ring", "bundle"],
])
  test(`io_uring: ${send} ${receive} ${options.join(" ")}`.trim(), async (context) => {
    const { seen, reason } = pair.filtered.ioUring;
    if (!seen) return context.skip(reason);
    // See support/cases/io_uring.c.
    const content = Uint8Array.from({ length: 200 }, (_, i) => i * 31 + Math.floor(i / 256));
    for (const text of [
      `payload.startsWith(${literal(content)})`,
      'payload.startsWith(b"another")',
      "size < 10",
    ]) {
      const filter = `process.name.startsWith("cases") && ${text}`;
      pair.filtered.setFilter(filter);
      const report = await tryCase("io-uring", send ?? "", receive ?? "", "20000", ...options);
      if (typeof report === "string") return context.skip(report);
      await keptOf(filter, [report.clients[0] ?? 0, report.listener], pair);
    }
  });

if (THOROUGH)
  test("a payload is what is captured of it", async () => {
    // Each takes two taps of its own, which takes long to load on a slow machine.
    for (const snaplen of [0, 10]) {
      const taps = pairOf({ snaplen });
      try {
        await expectFiltered("payload.size() < 20", SMALL_CALLS, taps);
        await expectFiltered(`payload.startsWith(${beginning(11)})`, SMALL_CALLS, taps);
        const { kept } = await expectFiltered(`payload == ${beginning(10)}`, SMALL_CALLS, taps);
        expect(kept.length > 0).toBe(snaplen === 10);
      } finally {
        await taps.everything[Symbol.asyncDispose]();
        await taps.filtered[Symbol.asyncDispose]();
      }
      expectBalance(taps.filtered.statistics());
    }
  });

test("large calls, of which the records come one after the other", async () => {
  const args = ["--size", "1048576", "--call-size", "400000"];
  const inside = payloadBytes(SEED, 6, 65_000);
  const { kept } = await expectFiltered(`payload.contains(${literal(inside)})`, args);
  expect(dataOf(kept).length).toBeGreaterThan(1);
});

function networks(count: number): string {
  return Array.from({ length: count }, (_, i) => `"${10 + (i >> 8)}.${i & 255}.0.0/16"`).join(", ");
}

test("1,000 networks", async () => {
  const others = networks(1000);
  const { kept } = await expectFiltered(`remote.address.in([${others}])`, SMALL_CALLS);
  expect(kept).toEqual([]);
  const { kept: loopback } = await expectFiltered(
    `remote.address.in([${others}, "127.0.0.0/8"])`,
    SMALL_CALLS,
  );
  expect(loopback.length).toBeGreaterThan(0);
});

test("connections that a filter rejects cost their bytes' count and no more", async () => {
  await using filtered = new Collector({ filter: "remote.port == 1" });
  const [report] = await runTraffic(["--size", "1000000", "--call-size", "1000"]);
  if (report === undefined) throw new Error("no report");
  await filtered[Symbol.asyncDispose]();
  expect(filtered.all()).toEqual([]);
  const { counters } = filtered.statistics();
  const moved = BigInt(
    report.client.egress + report.client.ingress + report.server.egress + report.server.ingress,
  );
  expect(counters.filtered_bytes).toBeGreaterThanOrEqual(moved);
  expect(counters.filtered_calls).toBe(counters.calls);
  expect(counters.records).toBe(0n);
  expect(counters.delivered_bytes).toBe(0n);
  expectBalance(filtered.statistics());
});

/** All of them accept what the traffic generator does, in every way that a filter can. */
const ACCEPTING: readonly (string | undefined)[] = [
  OURS,
  'process.name.startsWith("traf") && remote.port > 0',
  undefined,
  'remote.address.in("127.0.0.0/8")',
  `process.name.matches("^${NAME}$")`,
  "payload.size() >= 0",
  `(type != "data" || size < 9000000) && (${OURS} || payload.startsWith(b"GET"))`,
];

if (THOROUGH)
  test("a filter that changes under traffic loses nothing and doubles nothing that both accept", async () => {
    const size = 6_000_000;
    await using collector = new Collector({ filter: OURS });
    let changes = 0;
    const timer = setInterval(() => {
      collector.setFilter(ACCEPTING[changes++ % ACCEPTING.length]);
    }, 3);
    try {
      const reports = await runTraffic(["--size", String(size), "--call-size", "3000"]);
      const [report] = reports;
      if (report === undefined) throw new Error("no report");
      for (const [end, peer, seed] of [
        [report.client, report.server, SEED],
        [report.server, report.client, SEED + 1],
      ] as const) {
        const records = await collector.closed(end.port, peer.port);
        for (const [direction, own] of [
          ["egress", seed],
          ["ingress", seed === SEED ? SEED + 1 : SEED],
        ] as const) {
          const { bytes, holes } = assemble(records, direction);
          expect(holes.filter(({ cause }) => cause !== "ring_full")).toEqual([]);
          expect(bytes.length).toBe(size);
          if (holes.length === 0)
            expect(Buffer.compare(bytes, payloadBytes(own, size)), "bytes differ").toBe(0);
          const data = dataOf(records).filter((record) => record.direction === direction);
          expect(data.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0)).toBeLessThanOrEqual(
            size,
          );
        }
        expect(records.filter(({ type }) => type === "open")).toHaveLength(1);
        expect(records.filter(({ type }) => type === "close")).toHaveLength(1);
      }
    } finally {
      clearInterval(timer);
    }
    expect(changes).toBeGreaterThan(5);
    await collector[Symbol.asyncDispose]();
    expectBalance(collector.statistics());
  });

test("a filter that changes is the one that counts from then on", async () => {
  const { filtered } = pair;
  filtered.setFilter("remote.port == 1");
  let changes = 0;
  const [report] = await runTraffic([...SMALL_CALLS, "--mode", "midstream", "--sync", "middle"], () => {
    filtered.setFilter(OURS);
    changes++;
  });
  if (report === undefined) throw new Error("no report");
  expect(changes).toBeGreaterThan(0);
  const records = await filtered.closed(report.client.port, report.server.port);
  const [first] = dataOf(records).filter(({ direction }) => direction === "egress");
  expect(first?.offset, "offsets stay those of the stream").toBeGreaterThan(0n);
  expect(first?.connection.joined).toBe("start");
  filtered.setFilter(undefined);
  expect(() => {
    filtered.setFilter("remote.prt == 1");
  }).toThrow(/column 1.*remote\.port/s);
});
