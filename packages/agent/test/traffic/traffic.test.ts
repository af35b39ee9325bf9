import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { buildTraffic } from "./build.ts";
import { catalog, churnScenario, SEED, type ExpectedDirection, type Scenario } from "./catalog.ts";
import { bytesOfThread, payloadBytes, threadBytes } from "./expected.ts";
import { runTraffic, TrafficError, type EndReport, type TrafficReport } from "./program.ts";

/** The bytes that reach user memory: all but the dropped ones. */
function inMemory({ content, gaps }: ExpectedDirection): Uint8Array | undefined {
  const bytes = content?.();
  const dropped = gaps.filter(({ cause }) => cause === "discarded");
  return bytes?.filter((_, index) =>
    dropped.every(({ offset, size }) => index < offset || index >= offset + size),
  );
}

function checkEnd(
  report: EndReport,
  expected: { egress: ExpectedDirection; ingress: ExpectedDirection },
): void {
  expect(report.egress).toBe(expected.egress.total);
  expect(report.ingress).toBe(expected.ingress.total);
  expect(report.port).toBeGreaterThan(0);
  const sent = expected.egress.content?.();
  expect(report.egressCrc32).toBe(sent === undefined ? undefined : crc32(sent));
  const received = inMemory(expected.ingress);
  if (received !== undefined) expect(report.ingressCrc32).toBe(crc32(received));
}

async function run(scenario: Scenario): Promise<TrafficReport[]> {
  let stops = 0;
  const reports = await runTraffic(scenario.args, () => void (stops += 1));
  expect(stops).toBe(scenario.attach === "before" ? 0 : 1);
  return reports;
}

describe("the catalog", () => {
  test("has unique names", () => {
    const names = catalog.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  test("covers every system call of the tap's table", () => {
    const table = new URL("../../../../bpf-programs/include/tcptracker/syscalls.h", import.meta.url);
    const inTable = [...readFileSync(table, "utf8").matchAll(/^\tX\((\w+), [a-z]\w*, \d+/gm)].map(
      ([, name]) => name?.toLowerCase(),
    );
    expect(inTable.length).toBeGreaterThanOrEqual(18);
    const covered = new Set(catalog.flatMap(({ calls }) => calls));
    expect(inTable.filter((name) => name === undefined || !covered.has(name))).toEqual([]);
  });

  test.each(catalog.map((scenario) => [scenario.name, scenario] as const))("%s", async (_name, scenario) => {
    const reports = await run(scenario);
    const used = new Set(
      reports.flatMap(({ client, server }) => Object.keys({ ...client.calls, ...server.calls })),
    );
    expect(scenario.calls.filter((call) => !used.has(call))).toEqual([]);
    if (scenario.connections.length > 0) {
      expect(reports.map((report) => report.scenario)).toEqual(scenario.connections.map(({ name }) => name));
    }
    for (const [index, expected] of scenario.connections.entries()) {
      const report = reports[index] as TrafficReport;
      checkEnd(report.client, expected.client);
      checkEnd(report.server, expected.server);
    }
    const { peeked, discarded, urgent } = (reports.at(-1) as TrafficReport).server;
    expect({ peeked, discarded, urgent }).toEqual({ peeked: 0, discarded: 0, urgent: 0, ...scenario.server });
    if (scenario.churn !== undefined) {
      const sum = scenario.churn.connections * scenario.churn.bytes;
      const [report] = reports as [TrafficReport];
      expect(report.connections).toBe(scenario.churn.connections);
      for (const end of [report.client, report.server]) expect([end.egress, end.ingress]).toEqual([sum, sum]);
    }
  });
});

/** The one report of a run. */
async function single(...args: string[]): Promise<TrafficReport> {
  const reports = await runTraffic(args, () => undefined);
  expect(reports).toHaveLength(1);
  return reports[0] as TrafficReport;
}

describe("the program", () => {
  test.each([
    ["4", "127.0.0.1"],
    ["6", "::1"],
    ["mapped", "::ffff:127.0.0.1"],
  ])("family %s uses %s", async (family, address) => {
    const { client, server } = await single("--family", family);
    expect([client.address, server.address]).toEqual([address, address]);
    expect(client.port).not.toBe(server.port);
  });

  test("has its ends in two threads of one process, or in two processes", async () => {
    const threads = await single("--mode", "pair");
    expect(threads.client.pid).toBe(threads.server.pid);
    expect(threads.client.tid).not.toBe(threads.server.tid);
    for (const mode of ["fork", "scm_rights"]) {
      const processes = await single("--mode", mode);
      expect(processes.client.pid).not.toBe(processes.server.pid);
      expect(processes.client.tid).toBe(processes.client.pid);
    }
  });

  test("moves all bytes with the call it was told, in as many calls as the call size makes", async () => {
    const { client, server } = await single(
      "--send",
      "sendmsg",
      "--receive",
      "readv",
      "--call-size",
      "16384",
    );
    expect(client.calls).toEqual({
      connect: 1,
      sendmsg: 4,
      readv: expect.any(Number) as number,
      shutdown: 1,
    });
    expect(server.calls).toEqual({
      accept4: 1,
      sendmsg: 4,
      readv: expect.any(Number) as number,
      shutdown: 1,
    });
  });

  test("meets EAGAIN and partial writes in the mode partial", async () => {
    const { client, server } = await single("--mode", "partial");
    for (const end of [client, server]) {
      expect(end.partial).toBeGreaterThan(0);
      expect(end.failed["EAGAIN"]).toBeGreaterThan(0);
    }
  });

  test("takes everything in one call with MSG_WAITALL, in more with MSG_PEEK", async () => {
    expect((await single("--mode", "waitall", "--receive", "recvmsg")).server.calls["recvmsg"]).toBe(1);
    expect((await single("--mode", "peek", "--receive", "recvmsg")).server.calls["recvmsg"]).toBeGreaterThan(
      10,
    );
  });

  test("sends from two threads, and the streams come apart again", async () => {
    const { client } = await single("--mode", "threads");
    expect(client.secondTid).toBeGreaterThan(0);
    expect(client.secondTid).not.toBe(client.tid);
    const [first, second] = [threadBytes(SEED, 100, "first"), threadBytes(SEED, 100, "second")];
    const mixed = Uint8Array.from({ length: 200 }, (_, i) => (i % 2 ? second : first)[i >> 1] ?? 0);
    expect(bytesOfThread(mixed, "first")).toEqual(first);
    expect(bytesOfThread(mixed, "second")).toEqual(second);
  });

  test("meets every error it looks for", async () => {
    const reports = await runTraffic(["--mode", "errors"]);
    expect(reports[0]?.client.failed).toEqual({ ECONNRESET: 1, EPIPE: 1 });
    expect(reports[1]?.client.failed).toEqual({
      EBADF: 18,
      EAGAIN: 1,
      EFAULT: 14,
      EINVAL: 1,
      EPIPE: 12,
      ENOTSOCK: 2,
      ENOTCONN: 7,
      ECONNREFUSED: 1,
    });
  });

  test("sees a reset when the peer closes with unread data", async () => {
    const { client } = await single("--mode", "unread", "--size", "16384");
    expect(client.failed).toEqual({ ECONNRESET: 1 });
  });

  test("moves bytes over what is not TCP, and none over TCP", async () => {
    const { client, server, ignored } = await single("--mode", "other");
    expect(ignored).toBeGreaterThan(10_000);
    expect([client.egress, client.ingress, server.egress, server.ingress]).toEqual([0, 0, 0, 0]);
  });

  test("stops at each sync point it was told, in order, and not before it is let go", async () => {
    const times: number[] = [];
    const reports = await runTraffic(["--sync", "start,connected,middle", "--head", "10"], async () => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      times.push(performance.now());
    });
    expect(times).toHaveLength(3);
    expect((times[2] as number) - (times[0] as number)).toBeGreaterThan(50);
    expect(reports).toHaveLength(1);
  });

  test("gives up when nobody lets it go on", async () => {
    const stuck = runTraffic(
      ["--sync", "connected", "--timeout", "1"],
      () => new Promise((r) => setTimeout(r, 2000)),
    );
    await expect(stuck).rejects.toMatchObject({ exitCode: 1, message: "traffic: out of time" });
  });

  test("another seed gives other bytes", async () => {
    const { client } = await single("--seed", "7", "--size", "5000");
    expect(client.egressCrc32).toBe(crc32(payloadBytes(7, 5000)));
    expect(client.ingressCrc32).toBe(crc32(payloadBytes(8, 5000)));
    expect(payloadBytes(7, 4997, 3)).toEqual(payloadBytes(7, 5000).subarray(3));
  });

  test.each([
    [["--mode", "nothing"], '"nothing"'],
    [["--send", "read"], '"read"'],
    [["--receive", "pread"], '"pread"'],
    [["--size", "-1"], '"-1"'],
    [["--segments", "1025"], "1024"],
    [["--family", "5"], '"5"'],
    [["--sync", "later"], '"later"'],
    [["--colour"], "colour"],
    [["--mode", "shutdown", "--size", "65536"], "32768"],
    [["--mode", "urgent", "--receive", "splice"], "urgent"],
    [["--size", "10", "--head", "11"], "--head"],
    [["extra"], '"extra"'],
  ])("ends with 2 and a message at %j", async (args, part) => {
    const failure: unknown = await runTraffic(args).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TrafficError);
    expect(failure).toMatchObject({ exitCode: 2, message: expect.stringContaining(part) as string });
  });

  test(
    "opens and closes sixty thousand connections without running out of ports",
    { timeout: 120_000 },
    async () => {
      const [report] = await runTraffic(churnScenario(60_000).args);
      expect(report?.client.calls["connect"]).toBe(60_000);
      expect(report?.server.calls["accept4"]).toBe(60_000);
    },
  );
});

test("buildTraffic compiles once for the same sources", () => {
  const program = buildTraffic();
  const before = performance.now();
  expect(buildTraffic()).toBe(program);
  expect(performance.now() - before).toBeLessThan(500); // a compilation takes longer than reading twenty files
});
