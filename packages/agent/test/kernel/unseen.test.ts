import type { Direction, TapRecord } from "@tcptracker/events";
import { describe, expect, test } from "vitest";
import { expectBalance, expectLastClose } from "./support/account.ts";
import { tryCase, type CaseReport } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { assemble, type Hole } from "./support/streams.ts";

/** What both ends of a case's connections told, and the tap's figures at the end. */
interface TappedCase {
  readonly report: CaseReport;
  readonly client: readonly TapRecord[];
  readonly server: readonly TapRecord[];
  readonly collector: Collector;
}

/** Runs a case and stops the tap when both ends of its last connection are closed; why not, if it cannot run. */
async function tapCase(name: string): Promise<TappedCase | string> {
  await using collector = new Collector();
  const report = await tryCase(name);
  if (typeof report === "string") return report;
  const [listener, port] = [report.listener, report.clients.at(-1) ?? 0];
  const client = await collector.closed(port, listener);
  const server = await collector.closed(listener, port);
  await collector[Symbol.asyncDispose]();
  return { report, client, server, collector };
}

/** Checks one direction: the bytes that calls moved, and behind them those that none has. */
function expectStream(records: readonly TapRecord[], direction: Direction, seen: string, unseen = 0): void {
  const { bytes, holes } = assemble(records, direction);
  const hole: Hole = { offset: seen.length, size: unseen, cause: "unseen" };
  expect(holes).toEqual(unseen === 0 ? [] : [hole]);
  expect(Buffer.from(bytes.subarray(0, seen.length)).toString()).toBe(seen);
  expect(bytes.length).toBe(seen.length + unseen);
  expectLastClose(records);
  const close = records.at(-1);
  expect(close?.type === "close" && close[direction].bytes).toBe(BigInt(seen.length + unseen));
}

describe("what no call moved is declared at the end of the connection", () => {
  test("bytes between others", async (context) => {
    const tapped = await tapCase("unseen");
    if (typeof tapped === "string") return context.skip(tapped);
    const { report, client, server, collector } = tapped;
    expectStream(client, "egress", "beforeafter", report.count);
    expectStream(client, "ingress", "");
    expectStream(server, "ingress", "beforeafter", report.count);
    expectStream(server, "egress", "");
    const { counters } = collector.statistics();
    expect(counters.unseen_bytes).toBeGreaterThanOrEqual(BigInt(2 * report.count));
    expectBalance(collector.statistics());
  });

  test("one byte, taken with the end of the stream when TCP is done", async (context) => {
    const tapped = await tapCase("unseen-answer");
    if (typeof tapped === "string") return context.skip(tapped);
    const { client, server } = tapped;
    expectStream(client, "egress", "question");
    expectStream(client, "ingress", "", 1);
    expectStream(server, "ingress", "question");
    expectStream(server, "egress", "", 1);
  });

  test("what each end has moved before a reset", async (context) => {
    const tapped = await tapCase("unseen-reset");
    if (typeof tapped === "string") return context.skip(tapped);
    expectStream(tapped.client, "egress", "hello", 7);
    expectStream(tapped.server, "ingress", "hello", 3);
  });

  test("what TCP_ZEROCOPY_RECEIVE takes", async (context) => {
    const tapped = await tapCase("unseen-zerocopy");
    if (typeof tapped === "string") return context.skip(tapped);
    expectStream(tapped.client, "egress", "abc");
    expectStream(tapped.server, "ingress", "", 3);
  });

  test("what moves before a call fails", async (context) => {
    const tapped = await tapCase("unseen-failing");
    if (typeof tapped === "string") return context.skip(tapped);
    expectStream(tapped.client, "egress", "works", 4);
    expectStream(tapped.server, "ingress", "works", 4);
  });

  test("more than 4 GiB", async (context) => {
    const tapped = await tapCase("unseen-much");
    if (typeof tapped === "string") return context.skip(tapped);
    const { report, client, server } = tapped;
    const sizes = (records: readonly TapRecord[], cause: string): bigint[] =>
      records.flatMap((record) => (record.type === "gap" && record.cause === cause ? [record.size] : []));
    expect(report.count).toBeGreaterThan(2 ** 32);
    expect(sizes(client, "unseen")).toEqual([BigInt(report.count)]);
    expect(sizes(server, "unseen")).toEqual([]);
    expect(sizes(server, "discarded").reduce((sum, size) => sum + size, 0n)).toBe(BigInt(report.count));
  });
});

/** The case, and what its last connection moved: from the client, and to it. */
const innocent = [
  ["disconnect-unread", "", "again", "a socket is disconnected with bytes unread, and connects again"],
  ["repair-unread", "", "12", "a socket under repair is closed with bytes unread"],
  ["linger-fin", "", "12", "a socket is reset with the peer's FIN unread"],
  ["fastopen-connect", "fast", "", "the SYN waits for the first bytes"],
  ["fastopen-refused", "again", "", "the first bytes wait for a connection that is refused"],
] as const;

describe("no gap is invented", () => {
  for (const [name, sent, received, what] of innocent)
    test(name, async (context) => {
      const tapped = await tapCase(name);
      if (typeof tapped === "string") return context.skip(tapped);
      const { client, collector, report } = tapped;
      expectStream(client, "egress", sent);
      expectStream(client, "ingress", received);
      const { counters } = collector.statistics();
      expect(counters.stale_connection, what).toBe(0n);
      // The first connection of the socket, too.
      expect(collector.all().filter((record) => record.type === "gap" && record.cause === "unseen")).toEqual(
        [],
      );
      const { other } = report;
      expect(
        other === 0 ? [] : collector.recordsOf(report.clients[0] ?? 0, other),
        "never connected",
      ).toEqual([]);
    });

  test("a socket is connected to itself", async () => {
    const tapped = await tapCase("self");
    if (typeof tapped === "string") throw new Error(`every machine can do this: ${tapped}`);
    expectStream(tapped.client, "egress", "to myself");
    expectStream(tapped.client, "ingress", "to myself");
  });
});
