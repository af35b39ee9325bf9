import type { CloseRecord, Direction, TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildTraffic } from "../traffic/build.ts";
import { catalog, type ExpectedDirection, type Scenario } from "../traffic/catalog.ts";
import { type EndReport, runTraffic, type TrafficReport } from "../traffic/program.ts";
import { Collector } from "./support/collector.ts";
import { assemble, punch } from "./support/streams.ts";

const SNAPLEN = 262_144;

/** For the scenarios that want the tap on before they start. */
let always: Collector;

beforeAll(() => {
  buildTraffic();
  always = new Collector();
});

afterAll(async () => {
  await always[Symbol.asyncDispose]();
});

async function run(scenario: Scenario): Promise<{ reports: TrafficReport[]; collector: Collector }> {
  if (scenario.attach === "before") return { reports: await runTraffic(scenario.args), collector: always };
  let collector: Collector | undefined;
  const reports = await runTraffic(scenario.args, () => {
    collector = new Collector();
  });
  if (collector === undefined) throw new Error("the program never came to its sync point");
  return { reports, collector };
}

function checkDirection(
  scenario: Scenario,
  records: readonly TapRecord[],
  direction: Direction,
  expected: ExpectedDirection,
): void {
  const { bytes, holes } = assemble(records, direction);
  expect(bytes.length, "bytes and holes together").toBe(expected.total - expected.before);
  const ofTheTap = holes.filter(({ cause }) => cause === "snaplen");
  if (scenario.largestCall <= SNAPLEN) expect(ofTheTap, "holes made by the tap").toEqual([]);
  expect(holes.filter((hole) => !ofTheTap.includes(hole))).toEqual(expected.gaps);
  if (expected.content === undefined) return;
  const moved = expected.content().subarray(expected.before);
  expect(Buffer.compare(bytes, punch(moved, holes)), "bytes differ").toBe(0);
}

function checkClose(records: readonly TapRecord[], egress: number, ingress: number): void {
  const closes = records.filter((record): record is CloseRecord => record.type === "close");
  expect(closes).toHaveLength(1);
  expect(closes[0]?.egress.bytes).toBe(BigInt(egress));
  expect(closes[0]?.ingress.bytes).toBe(BigInt(ingress));
  expect(records.at(-1)?.type, "nothing comes after the close record").toBe("close");
}

/** Every record names the right ends, the right process and the right side. */
function checkIdentity(
  scenario: Scenario,
  records: readonly TapRecord[],
  role: "client" | "server",
  end: EndReport,
): void {
  const [first, ...rest] = records;
  expect(first?.type).toBe("open");
  expect(
    rest.every(({ type }) => type !== "open"),
    "one open record",
  ).toBe(true);
  const network = scenario.args.includes("6") ? "ipv6" : "ipv4";
  for (const record of records) {
    expect(record.connection).toEqual({
      id: first?.connection.id,
      role,
      joined: scenario.attach === "before" ? "start" : "midstream",
    });
    expect(record.network.type).toBe(network);
    expect(record.local.address.replace(/^::ffff:/, "")).toBe(end.address.replace(/^::ffff:/, ""));
    if (record.type === "data") expect(record.process.pid).toBe(end.pid);
  }
}

describe("the tapped bytes are the moved bytes", () => {
  for (const scenario of catalog.filter(({ connections }) => connections.length > 0)) {
    test(scenario.name, async () => {
      const { reports, collector } = await run(scenario);
      try {
        for (const connection of scenario.connections) {
          const report = reports.find(({ scenario: name }) => name === connection.name);
          if (report === undefined) throw new Error(`no report of ${connection.name}`);
          for (const role of ["client", "server"] as const) {
            const [end, peer, expected] = [
              report[role],
              report[role === "client" ? "server" : "client"],
              connection[role],
            ];
            const seen =
              scenario.attach === "before" ||
              expected.egress.total + expected.ingress.total >
                expected.egress.before + expected.ingress.before;
            if (!seen) continue;
            const records = await collector.closed(end.port, peer.port);
            checkIdentity(scenario, records, role, end);
            checkDirection(scenario, records, "egress", expected.egress);
            checkDirection(scenario, records, "ingress", expected.ingress);
            checkClose(
              records,
              expected.egress.total - expected.egress.before,
              expected.ingress.total - expected.ingress.before,
            );
          }
        }
      } finally {
        if (collector !== always) await collector[Symbol.asyncDispose]();
      }
    });
  }
});

test("what is not TCP is ignored", async () => {
  await using collector = new Collector();
  const scenario = catalog.find(({ args }) => args.includes("other"));
  const reports = await runTraffic(scenario?.args ?? []);
  expect(reports[0]?.ignored).toBeGreaterThan(0);
  const { counters } = collector.statistics();
  expect(counters.not_tcp + counters.not_a_socket).toBeGreaterThan(0n);
});

test("nothing was lost on the way", () => {
  const { counters, decodeErrors } = always.statistics();
  expect(decodeErrors).toBe(0);
  expect(counters.egress_bytes + counters.ingress_bytes).toBe(counters.delivered_bytes + counters.gap_bytes);
  for (const name of [
    "ring_full",
    "close_deferred",
    "close_lost",
    "undeclared_bytes",
    "untracked_bytes",
    "tail_call_failed",
    "segments_exceeded",
    "stale_connection",
    "connections_full",
  ] as const)
    expect(counters[name], name).toBe(0n);
});
