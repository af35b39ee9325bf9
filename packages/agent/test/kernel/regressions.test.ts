import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { endsOf, wholeEnd, type TappedEnd } from "./support/account.ts";
import { runCase, type CaseReport } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";

/** What a test needs to know of a case that was run with the tap on. */
interface TappedCase {
  readonly report: CaseReport;
  readonly ends: readonly TappedEnd[];
  readonly collector: Collector;
}

/** Runs a case of connections, each of which has two ends, and stops the tap when it has seen them end. */
async function tapCase(name: string): Promise<TappedCase> {
  await using collector = new Collector();
  const report = await runCase(name);
  const { listener, clients } = report;
  const look = (): TappedEnd[] => endsOf(collector.all(), listener, clients);
  await collector.until(
    () => look().filter(({ types }) => types.includes("close")).length >= 2 * clients.length || undefined,
    `the close records of ${name}`,
  );
  // Whatever comes too much would have come by the end.
  await collector[Symbol.asyncDispose]();
  return { report, ends: look(), collector };
}

/** Both ends of a connection of which one end sends and the other one receives. */
function connection(
  { listener, clients }: CaseReport,
  sender: "client" | "server",
  bytes: string,
  index = 0,
): TappedEnd[] {
  const client = clients[index] ?? 0;
  const [sent, received] = [{ egress: bytes }, { ingress: bytes }];
  return [
    wholeEnd("client", [client, listener], sender === "client" ? sent : received),
    wholeEnd("server", [listener, client], sender === "client" ? received : sent),
  ];
}

/** Which end a tap sees first is open. */
function inAnyOrder(ends: readonly TappedEnd[]): unknown {
  expect(ends).toHaveLength(new Set(ends).size);
  return expect.toSatisfy((actual: readonly TappedEnd[]) => {
    expect(actual).toHaveLength(ends.length);
    expect(actual).toEqual(expect.arrayContaining([...ends]));
    return true;
  });
}

test("a raw socket with TCP's protocol number is no connection", async () => {
  await using collector = new Collector();
  const before = collector.statistics();
  const { listener, count } = await runCase("raw");
  const after = collector.statistics();
  await collector[Symbol.asyncDispose]();
  expect(collector.all().filter(({ remote }) => remote.port === listener)).toEqual([]);
  // Each of them connects, sends and writes.
  expect(after.counters.not_tcp - before.counters.not_tcp).toBeGreaterThanOrEqual(BigInt(3 * count));
  // Each would have left an entry; what other processes do meanwhile leaves fewer.
  expect(after.connections - before.connections).toBeLessThan(count);
  expect(after.counters.untracked_bytes).toBe(0n);
});

describe("roles", () => {
  test("what accept returns is a server, also without a backlog", async () => {
    const { report, ends } = await tapCase("backlog-0");
    expect(ends).toEqual(inAnyOrder(connection(report, "server", "served")));
  });

  test("what connects is a client, also when it has listened before", async () => {
    const { report, ends } = await tapCase("listened-before");
    expect(ends).toEqual(inAnyOrder(connection(report, "client", "asked")));
  });
});

test("a connection that was reset before it was accepted keeps its port and its bytes", async () => {
  const { report, ends } = await tapCase("reset-before-accept");
  expect(report.count, "bytes that the server read").toBe(5);
  expect(ends).toEqual(inAnyOrder(connection(report, "client", "hello")));
});

describe("a socket that connects again after it was refused is one connection", () => {
  for (const name of ["refused-other-port", "refused-same-port", "refused-same-ports", "refused-later"]) {
    test(name, async () => {
      const { report, ends, collector } = await tapCase(name);
      expect(ends).toEqual(inAnyOrder(connection(report, "client", "again")));
      const { listener, other, clients } = report;
      // Besides the one that is there to fill the listener's queue.
      const others = collector
        .all()
        .filter(({ remote }) => remote.port === listener || remote.port === other)
        .filter(({ local }) => ![other, ...clients].includes(local.port));
      expect(others, "records of the first attempt").toEqual([]);
      expect(collector.statistics().counters.stale_connection).toBe(0n);
    });
  }
});

describe("a socket that is disconnected and connects again is two connections", () => {
  for (const name of ["reconnect", "reconnect-same-ports"]) {
    test(name, async () => {
      const { report, ends, collector } = await tapCase(name);
      expect(ends).toEqual(
        inAnyOrder([
          ...connection(report, "client", "first", 0),
          ...connection(report, "client", "and second", 1),
        ]),
      );
      expect(collector.statistics().counters.stale_connection).toBe(0n);
    });
  }
});

test("a connect that a signal interrupts is a start", async () => {
  const { report, ends } = await tapCase("interrupted");
  expect(ends).toEqual(inAnyOrder(connection(report, "client", "at last")));
});

test("a connection that begins with a sendto (TCP Fast Open) is a start", async (context) => {
  const allowed = Number(readFileSync("/proc/sys/net/ipv4/tcp_fastopen", "utf8"));
  if ((allowed & 1) === 0) {
    console.warn("SKIPPED: net.ipv4.tcp_fastopen does not let clients use it");
    context.skip();
  }
  const { report, ends } = await tapCase("fastopen");
  expect(ends).toEqual(inAnyOrder(connection(report, "client", "fast")));
});
