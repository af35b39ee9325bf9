import type { TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import { churnScenario } from "../traffic/catalog.ts";
import { runTraffic } from "../traffic/program.ts";
import { Tap } from "../../src/index.ts";
import { expectSeen } from "./support/account.ts";

const CONNECTIONS = 60_000;

/** Growth of this size is the heap's own breathing; an entry for each connection would be more than 6 MiB. */
const ALLOWED_GROWTH = 4 * 1024 * 1024;

function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error("run with --expose-gc");
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

async function churn(family: "4" | "6" | "mapped"): Promise<void> {
  const reports = await runTraffic(churnScenario(CONNECTIONS / 3, family).args);
  expect(reports[0]?.connections).toBe(CONNECTIONS / 3);
}

test(`${CONNECTIONS} short connections leave nothing behind`, { timeout: 180_000 }, async () => {
  await using tap = Tap.start();
  let records = 0;
  /** Of the generator's connections only: other programs of this host may well move bytes past the tap. */
  const gaps: TapRecord[] = [];
  const counting = (async (): Promise<void> => {
    for await (const batch of tap.batches()) {
      records += batch.length;
      gaps.push(
        ...batch.filter(({ type, process: { name } }) => type === "gap" && name?.startsWith("traffic")),
      );
    }
  })();
  const before = tap.statistics();
  await churn("4");
  const heapAfterFirst = heapUsed();
  await churn("6");
  await churn("mapped");
  const growth = heapUsed() - heapAfterFirst;

  const { counters, connections } = tap.statistics();
  const opened = counters.connections_opened - before.counters.connections_opened;
  console.log(
    `opened ${opened}, closed ${counters.connections_closed}, ${records} records, heap growth over the last ${(CONNECTIONS / 3) * 2} connections ${growth} bytes`,
  );
  // Two ends each; whatever else this host does comes on top.
  expect(opened).toBeGreaterThanOrEqual(BigInt(CONNECTIONS * 2));
  expect(counters.connections_opened - counters.connections_closed).toBe(BigInt(connections));
  expect(connections, "entries left in the kernel's table").toBeLessThan(10);
  expect(growth).toBeLessThan(ALLOWED_GROWTH);
  expect(counters.stale_connection).toBe(0n);
  expect(counters.connections_full).toBe(0n);
  await tap.stop();
  await counting;
  // Whatever the ring refused is declared by now.
  const { counters: final } = tap.statistics();
  expectSeen(gaps);
  expect(final.implausible, "directions of which the calls moved more than TCP").toBe(0n);
  const moved = final.egress_bytes + final.ingress_bytes;
  expect(final.delivered_bytes + final.gap_bytes).toBe(moved);
});
