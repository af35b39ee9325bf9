import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { DataRecord, TapRecord } from "@tcptracker/events";
import { expect, test } from "vitest";
import { Tap, type TapOptions } from "../../src/index.ts";
import { buildTraffic } from "../traffic/build.ts";
import { payloadBytes } from "../traffic/expected.ts";
import { runTraffic } from "../traffic/program.ts";
import { expectBalance } from "./support/account.ts";
import { CHOICE } from "./support/environment.ts";

const SEED = 1;

/** The generator's process name. */
const NAME = basename(buildTraffic()).slice(0, 15);

function start(options: TapOptions): Tap {
  return Tap.start({ flushIntervalMs: 5, ...CHOICE, ...options });
}

/** All that a stopped tap has for its consumer, who has not taken anything yet. */
async function collect(tap: Tap): Promise<TapRecord[]> {
  await tap.stop();
  const records: TapRecord[] = [];
  for await (const batch of tap.batches()) records.push(...batch);
  expectBalance(tap.statistics());
  return records;
}

function sent(records: readonly TapRecord[], port: number): DataRecord[] {
  return records.filter(
    (record): record is DataRecord =>
      record.type === "data" && record.direction === "egress" && record.local.port === port,
  );
}

test("a consumer that is more than a second behind gets whole calls", async () => {
  // Only the first call has it, in its first record; a batch holds less than the call.
  const size = 400_000;
  const bytes = Array.from(payloadBytes(SEED, 9, 100), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
  const tap = start({
    snaplen: size,
    filter: `process.name == "${NAME}" && payload.contains(b"${bytes.join("")}")`,
  });
  const [report] = await runTraffic([
    "--seed",
    String(SEED),
    "--size",
    "1200000",
    "--call-size",
    String(size),
  ]);
  if (report === undefined) throw new Error("no report");
  await delay(1_500);
  const records = sent(await collect(tap), report.client.port);
  expect(records.length).toBeGreaterThan(1);
  expect(records.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0)).toBe(
    Number(records[0]?.size),
  );
});

test("a filter is for what happens while it is in force, however late that is looked at", async () => {
  // Neither has a part in the kernel: nothing but its time says which one a record is for.
  const [all, none] = [`process.name.matches("${NAME}")`, 'process.name.matches("no such program")'];
  const tap = start({});
  const ports: number[] = [];
  for (const filter of [undefined, none, all, none, undefined]) {
    tap.setFilter(filter);
    const [report] = await runTraffic(["--size", "20000"]);
    if (report === undefined) throw new Error("no report");
    ports.push(report.client.port);
  }
  tap.setFilter(none);
  const records = await collect(tap);
  // Close records may be later than the call that closes.
  const kinds = ports.map((port) => [
    ...new Set(records.filter(({ local }) => local.port === port).map(({ type }) => type)),
  ]);
  expect(kinds.map((types) => types.filter((type) => type !== "close"))).toEqual([
    ["open", "data"],
    [],
    ["open", "data"],
    [],
    ["open", "data"],
  ]);
});
