import type { CloseRecord, Direction, TapRecord } from "@tcptracker/events";
import { expect } from "vitest";
import type { TapOptions } from "../../../src/index.ts";
import type { ExpectedDirection, ExpectedEnd, Scenario } from "../../traffic/catalog.ts";
import { type EndReport, runTraffic, type TrafficReport } from "../../traffic/program.ts";
import { expectSeen } from "./account.ts";
import { Collector } from "./collector.ts";
import { assemble, punch } from "./streams.ts";

const SNAPLEN = 262_144;

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

async function runTapped(
  scenario: Scenario,
  always: Collector,
  options: TapOptions,
): Promise<{ reports: TrafficReport[]; collector: Collector }> {
  if (scenario.attach === "before") return { reports: await runTraffic(scenario.args), collector: always };
  let collector: Collector | undefined;
  const reports = await runTraffic(scenario.args, () => {
    collector = new Collector(options);
  });
  if (collector === undefined) throw new Error("the program never came to its sync point");
  return { reports, collector };
}

/**
 * What a tap sees of the server that sits in a receiving call when it attaches.
 *
 * Of the strategies only the tracepoint sees the end of a call that was entered before: fexit and kprobe must be there first.
 */
function seenOfServer(scenario: Scenario, server: ExpectedEnd, attachedAs: string): ExpectedEnd {
  const unseen = attachedAs.startsWith("tracepoint") ? 0 : (scenario.blockedBytes ?? 0);
  const { ingress } = server;
  return { ...server, ingress: { ...ingress, before: ingress.before + unseen } };
}

/**
 * Runs a scenario and checks that the records of each end of each of its connections say what it did.
 *
 * @param always - for the scenarios that want the tap on before they start
 * @param options - of the taps of the other scenarios
 */
export async function checkScenario(
  scenario: Scenario,
  always: Collector,
  options: TapOptions = {},
): Promise<void> {
  const { reports, collector } = await runTapped(scenario, always, options);
  try {
    for (const connection of scenario.connections) {
      const report = reports.find(({ scenario: name }) => name === connection.name);
      if (report === undefined) throw new Error(`no report of ${connection.name}`);
      for (const role of ["client", "server"] as const) {
        const [end, peer, expected] = [
          report[role],
          report[role === "client" ? "server" : "client"],
          role === "client"
            ? connection.client
            : seenOfServer(scenario, connection.server, collector.attachedAs),
        ];
        const seen =
          scenario.attach === "before" ||
          expected.egress.total + expected.ingress.total > expected.egress.before + expected.ingress.before;
        if (!seen) continue;
        const records = await collector.closed(end.port, peer.port);
        checkIdentity(scenario, records, role, end);
        expectSeen(records);
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
}
