import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MonotonicClock, RecordCursor, toJson, toRecord } from "@tcptracker/events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { GrpcCollector } from "../src/collector/collector.ts";
import { ExportError } from "../src/errors.ts";
import { GrpcExporter } from "../src/exporter.ts";
import type { ExporterOptions } from "../src/options.ts";
import { readResource } from "../src/resource.ts";
import type { Target } from "../src/transport/loopback.ts";
import { account, Traffic } from "./support/records.ts";
import { MemorySink } from "./support/sink.ts";
import { until } from "./support/until.ts";

const resource = readResource("0.0.0-test");
const HOST = "127.0.0.1";
const KIB = 1024;
const MIB = 1024 * KIB;
const FAST = { batchAgeMs: 5, batchBytes: 32 * KIB, backoff: { first: 5, most: 50 } };

let cleanups: (() => Promise<unknown>)[] = [];
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-export-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
  rmSync(directory, { recursive: true });
});

async function collect(sink: MemorySink, port = 0): Promise<GrpcCollector> {
  const collector = await GrpcCollector.start({ listen: { host: HOST, port }, sink });
  cleanups.push(() => collector.close().catch(() => undefined));
  return collector;
}

async function exporting(target: Target, options: Partial<ExporterOptions> = {}): Promise<GrpcExporter> {
  const exporter = await GrpcExporter.start({ target, resource, ...FAST, ...options });
  cleanups.push(() => exporter.close(0));
  return exporter;
}

/** An address that nobody listens on. */
async function nowhere(): Promise<Target> {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return { host: HOST, port: address.port };
}

test("records arrive as they were, in their order, with where they come from", async () => {
  const sink = new MemorySink();
  const collector = await collect(sink);
  const exporter = await exporting(collector.address);
  const traffic = new Traffic();
  const records = [...traffic.many(200, 1000), traffic.close()];
  await exporter.write(records);
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(sink.records.map(toJson)).toEqual(records.map(toJson));
  expect(sink.batches.map(({ sequence }) => sequence)).toEqual(sink.batches.map((_, index) => index + 1));
  expect(sink.batches.length).toBeGreaterThan(3);
  expect(sink.batches[0]?.resource).toEqual(resource);
  expect(sink.batches.at(-1)?.accounting).toMatchObject({
    records: 201n,
    payloadBytes: 200_000n,
    lostRecords: 0n,
  });
  expect(exporter.statistics()).toMatchObject({
    ...{
      records: 201,
      payloadBytes: 200_000,
      resentBatches: 0,
      waitingBatches: 0,
      inFlightBytes: 0,
      failures: {},
    },
  });
});

test("the kernel's own bytes go the same way", async () => {
  const sink = new MemorySink();
  const collector = await collect(sink);
  const exporter = await exporting(collector.address);
  const batch = Uint8Array.from(readFileSync(new URL("../../events/fixtures/traffic.bin", import.meta.url)));
  const clock = new MonotonicClock();
  await exporter.writeRaw(batch, clock.toEpoch(0n));
  await exporter.close();
  const cursor = new RecordCursor();
  const lines: string[] = [];
  cursor.reset(batch);
  while (cursor.next()) lines.push(toJson(toRecord(cursor, clock)));
  expect(sink.records.map(toJson)).toEqual(lines);
});

test("a record that comes alone does not wait for others", async () => {
  const sink = new MemorySink();
  const exporter = await exporting((await collect(sink)).address);
  await exporter.write([new Traffic().next(3)]);
  await until("it arrives", () => sink.batches.length === 1);
});

test("no proxy of the environment is asked", async () => {
  let asked = 0;
  const proxy = createServer((socket) => {
    asked++;
    socket.destroy();
  }).listen(0, HOST);
  await once(proxy, "listening");
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  for (const name of ["grpc_proxy", "https_proxy", "http_proxy"])
    vi.stubEnv(name, `http://${HOST}:${address.port}`);
  for (const name of ["no_grpc_proxy", "no_proxy"]) vi.stubEnv(name, "");
  cleanups.push(() => {
    vi.unstubAllEnvs();
    proxy.close();
    return Promise.resolve();
  });
  const sink = new MemorySink();
  const exporter = await exporting((await collect(sink)).address);
  await exporter.write([new Traffic().next(3)]);
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect([asked, sink.records.length]).toEqual([0, 1]);
});

test("memory of acknowledged batches is used again, and what is sent again is what it was", async () => {
  const sink = new MemorySink();
  const first = await collect(sink);
  const { address } = first;
  const exporter = await exporting(address, { windowBytes: 256 * KIB });
  const traffic = new Traffic();
  const sent: string[] = [];
  const write = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const records = traffic.many(50, 1000);
      sent.push(...records.map(toJson));
      await exporter.write(records);
      await until("there is room", () => exporter.statistics().waitingBatches < 256);
    }
  };
  await write(40);
  // Stops while batches are on their way, and others fill memory that was given back.
  let open = (): void => undefined;
  sink.gate = () => new Promise((resolve) => (open = resolve));
  await write(30);
  await until("the window is full", () => exporter.statistics().inFlightBytes >= 256 * KIB);
  await first.close();
  sink.gate = () => Promise.resolve();
  open();
  await collect(sink, address.port);
  await write(40);
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(exporter.statistics().resentBatches).toBeGreaterThan(3);
  const arrived = sink.records.map(toJson);
  expect(arrived.length).toBe(sent.length);
  expect(arrived.findIndex((line, index) => line !== sent[index])).toBe(-1);
});

test("what was not acknowledged comes again, and is written once", async () => {
  const sink = new MemorySink();
  const first = await collect(sink);
  const { port } = first.address;
  const exporter = await exporting(first.address, { windowBytes: 256 * KIB });
  const traffic = new Traffic();
  await exporter.write(traffic.many(50, 4000));
  await until("some arrive", () => sink.batches.length > 2);
  // Written and not acknowledged: what a collector that is killed leaves behind.
  const gate = Promise.withResolvers<undefined>();
  let waiting = false;
  sink.gate = async () => {
    waiting = true;
    await gate.promise;
  };
  await exporter.write(traffic.many(50, 4000));
  await until("one is being written", () => waiting);
  await first.close();
  gate.resolve(undefined);
  sink.gate = () => Promise.resolve();
  await exporter.write(traffic.many(50, 4000));
  await collect(sink, port);
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });
  expect(exporter.statistics().resentBatches).toBeGreaterThan(0);
});

describe("when nobody takes anything", () => {
  test("memory is bounded, the oldest are given up, and gap records say so", async () => {
    const target = await nowhere();
    const exporter = await exporting(target, { queueBytes: MIB });
    const [a, b] = [new Traffic(), new Traffic("00000000000000b2")];
    for (let round = 0; round < 100; round++) {
      await exporter.write([...a.many(8, 4000), ...b.many(2, 500)]);
      expect(exporter.statistics().queueBytes).toBeLessThanOrEqual(MIB);
    }
    await exporter.flush();
    const { losses } = exporter.statistics();
    expect(losses.queue_full.records).toBeGreaterThan(500);
    const sink = new MemorySink();
    await collect(sink, target.port);
    expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
    for (const traffic of [a, b]) {
      const { delivered, missing, causes } = account(sink.records, traffic.id);
      expect(delivered + missing).toBe(traffic.bytes);
      expect(causes).toEqual(["queue_full"]);
      expect(missing).toBeGreaterThan(0n);
    }
    // Neighbouring gaps are one.
    expect(sink.records.filter(({ type }) => type === "gap")).toHaveLength(2);
    const declared = sink.batches.flatMap((batch) => batch.losses);
    expect(declared.map(({ records }) => Number(records))).toEqual([losses.queue_full.records]);
    expect(declared.map(({ payloadBytes }) => Number(payloadBytes))).toEqual([
      losses.queue_full.payloadBytes,
    ]);
  });

  test("a spool is bounded too, and its oldest batches are given up", async () => {
    const target = await nowhere();
    const spool = join(directory, "spool");
    const exporter = await exporting(target, { queueBytes: MIB, spool, spoolBytes: 2 * MIB });
    const traffic = new Traffic();
    for (let round = 0; round < 100; round++) {
      await exporter.write(traffic.many(10, 8000));
      const { spoolBytes, queueBytes } = exporter.statistics();
      expect(spoolBytes).toBeLessThanOrEqual(2 * MIB);
      expect(queueBytes).toBeLessThanOrEqual(MIB);
    }
    const sink = new MemorySink();
    await collect(sink, target.port);
    expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
    const { delivered, missing, causes } = account(sink.records);
    expect(delivered + missing).toBe(traffic.bytes);
    expect(causes).toEqual(["spool_full"]);
    expect(delivered).toBeGreaterThan(BigInt(MIB));
  });

  test("while a spool's disk takes nothing, what it has lost is not declared into what is left", async () => {
    const target = await nowhere();
    const spool = join(directory, "spool");
    const exporter = await exporting(target, { spool, queueBytes: MIB, batchAgeMs: 60_000 });
    // Long before the limit of the spool, and whoever runs the test: files cannot be made where there is no directory.
    renameSync(spool, `${spool}.away`);
    const traffic = new Traffic();
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      await exporter.write(traffic.many(5, 8000));
      await exporter.flush();
    }
    const { batches, waitingBatches, losses } = exporter.statistics();
    expect(waitingBatches).toBeGreaterThan(20);
    expect(losses.spool_full).toMatchObject({ batches: rounds - waitingBatches, undeclaredBytes: 0 });
    expect(batches).toBe(rounds);
    renameSync(`${spool}.away`, spool);
    const sink = new MemorySink();
    await collect(sink, target.port);
    expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
    const { delivered, missing, causes } = account(sink.records);
    expect([delivered + missing, causes]).toEqual([traffic.bytes, ["spool_full"]]);
    expect(delivered).toBeGreaterThan(0n);
  });

  test("a collector that does not read does not stop the exporter, and is left after a while", async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, HOST);
    await once(silent, "listening");
    const address = silent.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const exporter = await exporting(
      { host: HOST, port: address.port },
      { queueBytes: MIB, connectTimeoutMs: 100 },
    );
    const traffic = new Traffic();
    for (let round = 0; round < 50; round++) await exporter.write(traffic.many(10, 8000));
    expect(exporter.statistics().queueBytes).toBeLessThanOrEqual(MIB);
    await until("it gives up", () => (exporter.statistics().failures.ERR_EXPORT_TIMEOUT ?? 0) > 0);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test("a sink that never finishes: nothing is acknowledged, the window stays small, the stream is given up", async () => {
    const sink = new MemorySink();
    sink.gate = () => new Promise(() => undefined);
    const exporter = await exporting((await collect(sink)).address, {
      ...{ queueBytes: 4 * MIB, windowBytes: 256 * KIB, ackTimeoutMs: 200 },
    });
    const traffic = new Traffic();
    for (let round = 0; round < 20; round++) await exporter.write(traffic.many(10, 8000));
    await until("the window is full", () => exporter.statistics().inFlightBytes >= 256 * KIB);
    expect(exporter.statistics().inFlightBytes).toBeLessThan(256 * KIB + 64 * KIB);
    await until("it tries again", () => exporter.statistics().connections > 1);
    expect(exporter.statistics().acknowledged).toBe(0);
    expect(exporter.statistics().failures).toHaveProperty("ERR_EXPORT_TIMEOUT");
  });
});

test("the spool outlives its exporter: the next one sends what is there, under the same name", async () => {
  const target = await nowhere();
  const spool = join(directory, "spool");
  const traffic = new Traffic();
  const first = await exporting(target, { spool });
  await first.write(traffic.many(100, 2000));
  expect((await first.close(0)).batches).toBeGreaterThan(3);
  const second = await exporting(target, { spool });
  await second.write(traffic.many(100, 2000));
  const sink = new MemorySink();
  await collect(sink, target.port);
  expect(await second.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });
  expect(new Set(sink.batches.map(({ exporter }) => exporter)).size).toBe(1);
  const third = await exporting(target, { spool });
  await third.write([traffic.next(1)]);
  await third.close();
  expect(sink.batches.at(-1)?.sequence).toBe(sink.batches.length);
  expect(readdirSync(spool).filter((name) => name.endsWith(".segment")).length).toBeLessThanOrEqual(1);
});

test("what a full spool has given up is declared by the next exporter", async () => {
  const target = await nowhere();
  const spool = join(directory, "spool");
  const first = await exporting(target, { spool, spoolBytes: 2 * MIB });
  const traffic = new Traffic();
  for (let round = 0; round < 60; round++) await first.write(traffic.many(10, 8000));
  expect((await first.close(0)).batches).toBeGreaterThan(10);
  const sink = new MemorySink();
  await collect(sink, target.port);
  const second = await exporting(target, { spool, spoolBytes: 2 * MIB });
  await second.write([traffic.next(10)]);
  expect(await second.close()).toEqual({ batches: 0, lost: 0 });
  const { delivered, missing, causes } = account(sink.records);
  expect([delivered + missing, causes]).toEqual([traffic.bytes, ["spool_full"]]);

  // Each of the two has sums of its own.
  const sums = Map.groupBy(sink.batches, ({ accounting }) => accounting?.startTimeUnixNano);
  expect([...sums.keys()]).toHaveLength(2);
  for (const batches of sums.values()) {
    const records = batches.map(({ accounting }) => Number(accounting?.records));
    expect(records).toEqual(records.toSorted((one, other) => one - other));
  }
  expect(sink.batches.at(-1)?.accounting).toMatchObject({ records: 1n, payloadBytes: 10n });
});

test("a spool whose disk takes nothing loses nothing while the collector receives, and says what it loses else", async () => {
  const sink = new MemorySink();
  const collector = await collect(sink);
  const spool = join(directory, "spool");
  const first = await exporting(collector.address, { spool });
  rmSync(spool, { recursive: true });
  const traffic = new Traffic();
  for (let round = 0; round < 60; round++) await first.write(traffic.many(10, 8000));
  expect(await first.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });

  const second = await exporting(await nowhere(), { spool });
  rmSync(spool, { recursive: true });
  await second.write(traffic.many(5, 8000));
  expect(await second.close(0)).toEqual({ batches: 1, lost: 1 });
});

test.each([0, 30])(
  "an old copy of a spool goes on under another name, with %d batches before it connects",
  async (early) => {
    const sink = new MemorySink();
    const collector = await collect(sink);
    const { port } = collector.address;
    const [spool, copy] = [join(directory, "spool"), join(directory, "copy")];
    const [old, fresh] = [new Traffic("00000000000000a1"), new Traffic("00000000000000b2")];
    const first = await exporting(collector.address, { spool });
    await first.write([old.next(1)]);
    await until("it arrives", () => sink.batches.length === 1);
    await until("it is acknowledged", () => first.statistics().acknowledged === 1);
    cpSync(spool, copy, { recursive: true });
    for (let batch = 0; batch < 20; batch++) {
      await first.write([old.next(1)]);
      await first.flush();
    }
    await first.close();
    await collector.close();
    const second = await exporting({ host: HOST, port }, { spool: copy });
    for (let batch = 0; batch < early; batch++) {
      await second.write([fresh.next(1)]);
      await second.flush();
    }
    await collect(sink, port);
    await until("it is refused", () => (second.statistics().failures.ERR_EXPORT_SPOOL ?? 0) > 0);
    await second.write([fresh.next(1)]);
    expect(await second.close()).toEqual({ batches: 0, lost: 0 });
    for (const { id, bytes } of [old, fresh])
      expect(account(sink.records, id)).toEqual({ delivered: bytes, missing: 0n, causes: [] });
    expect(new Set(sink.batches.map(({ exporter }) => exporter)).size).toBe(2);
    expect(second.statistics().failures.ERR_EXPORT_SPOOL).toBe(1);
  },
);

test("a spool belongs to one exporter at a time", async () => {
  const target = await nowhere();
  const spool = join(directory, "spool");
  await exporting(target, { spool });
  await expect(exporting(target, { spool })).rejects.toMatchObject({ code: "ERR_EXPORT_SPOOL" });
});

test("a batch that is too large for the collector is given up, and the rest goes on", async () => {
  const sink = new MemorySink();
  const collector = await GrpcCollector.start({
    ...{ listen: { host: HOST, port: 0 }, sink, limits: { messageBytes: 64 * KIB } },
  });
  cleanups.push(() => collector.close());
  const exporter = await exporting(collector.address, { batchBytes: 32 * KIB });
  const traffic = new Traffic();
  const records = [traffic.next(1000), traffic.next(100_000), traffic.next(1000)];
  for (const record of records) {
    await exporter.write([record]);
    await exporter.flush();
  }
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: 2000n, missing: 100_000n, causes: ["rejected"] });
});

test("after close nothing is taken", async () => {
  const exporter = await exporting(await nowhere());
  await exporter.close(0);
  await expect(exporter.write([new Traffic().next(1)])).rejects.toMatchObject({ code: "ERR_EXPORT_CLOSED" });
});

test.each([
  [{ batchBytes: 1 }, "batchBytes"],
  [{ windowBytes: 1 }, "windowBytes"],
  [{ insecure: true, tls: {} }, "insecure"],
])("%j makes no sense", async (options, name) => {
  await expect(exporting({ host: HOST, port: 1 }, options)).rejects.toThrow(name);
});

test("a batch that the collector calls senseless again and again is given up, and the rest goes on", async () => {
  const sink = new MemorySink();
  sink.gate = () => Promise.resolve();
  const collector = await collect(sink);
  const exporter = await exporting(collector.address);
  const traffic = new Traffic();
  const write = sink.write.bind(sink);
  sink.write = async (batch) => {
    if (batch.sequence === 2) throw new ExportError("ERR_EXPORT_MESSAGE", "not this one");
    await write(batch);
  };
  for (const record of traffic.many(3, 1000)) {
    await exporter.write([record]);
    await exporter.flush();
  }
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records)).toEqual({ delivered: 2000n, missing: 1000n, causes: ["rejected"] });
  expect(exporter.statistics().failures).toEqual({ ERR_EXPORT_REFUSED: 5 });
});
