/** What must not harm a collector. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2, type ClientHttp2Session, type Settings } from "node:http2";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  Client,
  credentials,
  Metadata,
  status,
  type ClientDuplexStream,
  type StatusObject,
} from "@grpc/grpc-js";
import { ExportRequestSchema, ExportResponseSchema } from "@tcptracker/proto";
import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GrpcCollector } from "../src/collector/collector.ts";
import type { CollectorEvent, CollectorLimits } from "../src/collector/options.ts";
import { GrpcExporter } from "../src/exporter.ts";
import { readResource } from "../src/resource.ts";
import { EXPORT_PATH } from "../src/transport/session.ts";
import { account, Traffic } from "./support/records.ts";
import { MemorySink } from "./support/sink.ts";
import { until } from "./support/until.ts";

const HOST = "127.0.0.1";
let sink = new MemorySink();
let events: CollectorEvent[] = [];
let cleanups: (() => unknown)[] = [];
beforeEach(() => {
  [sink, events] = [new MemorySink(), []];
});
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
});

async function collect(limits: Partial<CollectorLimits> = {}): Promise<GrpcCollector> {
  const collector = await GrpcCollector.start({
    ...{ listen: { host: HOST, port: 0 }, sink, limits },
    onEvent: (event) => events.push(event),
  });
  cleanups.push(() => collector.close());
  return collector;
}

type Message = NonNullable<MessageInitShape<typeof ExportRequestSchema>["message"]>;
const hello: Message = { case: "hello", value: { exporterId: new Uint8Array(16).fill(1) } };

/** A client that says what it is told to. */
class Raw {
  readonly call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly status: Promise<StatusObject>;
  readonly acknowledged: number[] = [];

  constructor({ address }: Pick<GrpcCollector, "address">) {
    const client = new Client(`${address.host}:${address.port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
    });
    const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
    this.call = client.makeBidiStreamRequest(EXPORT_PATH, same, (bytes: Buffer) => bytes, new Metadata());
    this.call.on("error", () => undefined);
    this.status = new Promise((resolve) => this.call.on("status", resolve));
    cleanups.push(() => {
      this.call.cancel();
      client.close();
    });
  }

  listen(): this {
    this.call.on("data", (bytes: Buffer) => {
      const { message } = fromBinary(ExportResponseSchema, bytes);
      if (message.case !== undefined) this.acknowledged.push(Number(message.value.persistedBatch));
    });
    return this;
  }

  say(message: Message): this {
    this.call.write(toBinary(ExportRequestSchema, create(ExportRequestSchema, { message })));
    return this;
  }

  batch(sequence: bigint): this {
    return this.say({ case: "batch", value: { sequence } });
  }
}

async function expectHealthy(collector: GrpcCollector): Promise<void> {
  const exporter = await GrpcExporter.start({
    ...{ target: collector.address, resource: readResource("0.0.0-test"), batchAgeMs: 5 },
  });
  const traffic = new Traffic();
  await exporter.write(traffic.many(10, 1000));
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records).delivered).toBe(traffic.bytes);
}

describe("is refused with a status:", () => {
  test.each([
    ["what is no message", Buffer.from("\xff\xff\xff\xff", "latin1"), /not a message of tcptracker/],
    ["a batch before the hello", { case: "batch", value: { sequence: 1n } }, /before the hello/],
    ["a hello without an id", { case: "hello", value: {} }, /exporter_id/],
  ] as const)("%s", async (_, message, text) => {
    const collector = await collect();
    const raw = new Raw(collector).listen();
    if (Buffer.isBuffer(message)) raw.call.write(message);
    else raw.say(message);
    const end = await raw.status;
    expect([end.code, end.details]).toEqual([status.INVALID_ARGUMENT, expect.stringMatching(text)]);
    await expectHealthy(collector);
  });

  test.each<[string, Message]>([
    ["a second hello", hello],
    ["a batch without a number", { case: "batch", value: {} }],
    ["a number that is too large", { case: "batch", value: { sequence: 2n ** 63n } }],
    [
      "too many records",
      { case: "batch", value: { sequence: 1n, records: Array.from({ length: 70_000 }, () => ({})) } },
    ],
    [
      "too many parts of records",
      {
        case: "batch",
        value: {
          sequence: 1n,
          records: Array.from({ length: 2 }, () => ({
            event: { case: "data", value: { redacted: Array.from({ length: 40_000 }, () => ({})) } },
          })),
        },
      },
    ],
    [
      "too many labels",
      {
        case: "batch",
        value: {
          sequence: 1n,
          records: [
            {
              pod: { labels: Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [index, ""])) },
            },
          ],
        },
      },
    ],
  ])("%s", async (_, message) => {
    const collector = await collect();
    const end = await new Raw(collector).listen().say(hello).say(message).status;
    expect(end.code).toBe(status.INVALID_ARGUMENT);
    await expectHealthy(collector);
  });

  test("a batch of too many fields that nobody knows", async () => {
    const collector = await collect();
    const raw = new Raw(collector).listen().say(hello);
    const unknown = new BinaryWriter();
    for (let index = 0; index < 70_000; index++) unknown.tag(1000, WireType.Varint).uint32(0);
    const { number } = ExportRequestSchema.field.batch;
    raw.call.write(new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(unknown.finish()).finish());
    const { code, details } = await raw.status;
    expect([code, details]).toEqual([status.INVALID_ARGUMENT, expect.stringContaining("more than 65536")]);
    await expectHealthy(collector);
  });

  test("a message that is too large", async () => {
    const collector = await collect();
    const raw = new Raw(collector).listen().say(hello);
    raw.call.write(randomBytes(2 * 1024 * 1024));
    expect((await raw.status).code).toBe(status.RESOURCE_EXHAUSTED);
    await expectHealthy(collector);
  });

  test("a stream that says nothing", async () => {
    const collector = await collect({ idleMs: 100 });
    const { code, details } = await new Raw(collector).listen().status;
    // Its stream ends by itself, or with its connection: both have the same time.
    expect([status.DEADLINE_EXCEEDED, status.UNAVAILABLE]).toContain(code);
    expect(details).not.toBe("");
    await expectHealthy(collector);
  });

  test("batches that cannot be written, until they can", async () => {
    let failures = 3;
    sink.gate = () => (failures-- > 0 ? Promise.reject(new Error("disk full")) : Promise.resolve());
    const collector = await collect();
    await expectHealthy(collector);
    expect(
      events.filter(({ type }) => type === "refused").map((event) => "error" in event && event.error.message),
    ).toEqual(Array.from({ length: 3 }, () => expect.stringContaining("disk full") as string));
  });
});

test("a batch that comes twice is acknowledged twice and written once, also by another stream", async () => {
  const collector = await collect();
  const first = new Raw(collector).listen().say(hello).batch(1n).batch(2n).batch(1n).batch(2n);
  await until("both are acknowledged", () => first.acknowledged.includes(2));
  const second = new Raw(collector).listen().say(hello).batch(2n).batch(3n);
  await until("the third is acknowledged", () => second.acknowledged.includes(3));
  expect(second.acknowledged[0]).toBe(2);
  await until("all were counted", () => collector.statistics().duplicates === 3);
  expect(sink.batches.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
});

test("what an exporter has seen acknowledged elsewhere is not asked for", async () => {
  const collector = await collect();
  const value = { exporterId: new Uint8Array(16).fill(2), acknowledgedBatch: 17n };
  const raw = new Raw(collector).listen().say({ case: "hello", value }).batch(17n).batch(18n);
  await until("it is acknowledged", () => raw.acknowledged.includes(18));
  expect(sink.batches.map(({ sequence }) => sequence)).toEqual([18]);
});

test("one that does not read its acknowledgements makes none pile up", async () => {
  const collector = await collect();
  const raw = new Raw(collector).say(hello);
  for (let sequence = 1n; sequence <= 5000n; sequence++) raw.batch(sequence);
  await until("all are written", () => sink.batches.length === 5000, 60);
  await expectHealthy(collector);
});

describe("connections:", () => {
  async function open(collector: GrpcCollector, count: number): Promise<Socket[]> {
    const sockets: Socket[] = [];
    for (let index = 0; index < count; index++) {
      const socket = connect({ ...collector.address, allowHalfOpen: true });
      socket.on("error", () => undefined);
      sockets.push(socket);
      await once(socket, "connect");
    }
    cleanups.push(() => sockets.map((socket) => socket.destroy()));
    return sockets;
  }

  test("1,000 that do nothing take only so many places, and are closed", async () => {
    const collector = await collect({ idleMs: 300, connectionsPerPeer: 64 });
    const sockets = await open(collector, 1000);
    expect(collector.statistics().connections).toBeLessThanOrEqual(64);
    await until("they are closed", () => collector.statistics().connections === 0);
    expect(sockets.length).toBe(1000);
    expect(collector.statistics().refused).toBe(1000);
    await expectHealthy(collector);
  });

  test("random bytes", async () => {
    const collector = await collect({ idleMs: 300 });
    for (const socket of await open(collector, 50)) socket.write(randomBytes(2000));
    for (const socket of await open(collector, 10))
      socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), randomBytes(5000)]));
    await expectHealthy(collector);
    await until("they are closed", () => collector.statistics().connections === 0);
  });
});

describe("a message that is begun and not ended:", () => {
  /** What a gRPC client does until then. */
  function begin({ address }: GrpcCollector, bytes: number): ClientHttp2Session {
    const session = connectHttp2(`http://${address.host}:${address.port}`);
    session.on("error", () => undefined);
    const stream = session.request({
      ...{ ":method": "POST", ":path": EXPORT_PATH, te: "trailers", "content-type": "application/grpc" },
    });
    stream.on("error", () => undefined);
    const head = Buffer.alloc(5);
    head.writeUInt32BE(1024 ** 2, 1);
    stream.write(Buffer.concat([head, Buffer.alloc(bytes)]));
    cleanups.push(() => {
      session.destroy();
    });
    return session;
  }

  const refusals = (text: RegExp): CollectorEvent[] =>
    events.filter((event) => event.type === "refused" && text.test(event.error.message));

  test("ends its connection after a while; a working one stays", async () => {
    const collector = await collect({ messageMs: 300, idleMs: 60_000 });
    const working = new Raw(collector).listen().say(hello).batch(1n);
    const session = begin(collector, 600_000);
    await until("it is ended", () => session.destroyed);
    expect(refusals(/^ERR_EXPORT_TIMEOUT: \S+ has begun a message and does not end it/)).toHaveLength(1);
    working.batch(2n);
    await until("the other one works", () => working.acknowledged.includes(2));
  });

  test("honest peers in front of a sink that stalls are not taken for it", async () => {
    const stalled = Promise.withResolvers<undefined>();
    sink.gate = () => stalled.promise;
    const collector = await collect({ messageMs: 200, unfinishedBytes: 1024 ** 2 });
    const exporters = await Promise.all(
      Array.from({ length: 6 }, () =>
        GrpcExporter.start({
          target: collector.address,
          resource: readResource("0.0.0-test"),
          batchAgeMs: 5,
        }),
      ),
    );
    const traffic = new Traffic();
    for (const exporter of exporters) {
      cleanups.push(() => exporter.close(0));
      await exporter.write(traffic.many(1000, 4000));
    }
    // The sweeper passes some times; messages of 4 MB each are under way.
    await delay(1000);
    expect(events.filter(({ type }) => type === "refused")).toEqual([]);
    stalled.resolve(undefined);
    for (const exporter of exporters) expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
    expect(account(sink.records).delivered).toBe(traffic.bytes);
    for (const exporter of exporters)
      expect(exporter.statistics()).toMatchObject({ connections: 1, failures: {} });
  });

  test("in front of a sink that stalls a message or two are read, and a window", async () => {
    const stalled = Promise.withResolvers<undefined>();
    sink.gate = () => stalled.promise;
    const { address } = await collect();
    let passed = 0;
    const proxy = createServer((socket) => {
      const onward = connect(address);
      socket.on("data", (bytes: Buffer) => {
        passed += bytes.length;
        if (!onward.write(bytes)) socket.pause();
      });
      onward.on("drain", () => socket.resume());
      onward.pipe(socket);
      for (const each of [socket, onward]) each.on("error", () => undefined);
      cleanups.push(() => [socket.destroy(), onward.destroy()]);
    }).listen(0, HOST);
    await once(proxy, "listening");
    cleanups.push(() => proxy.close());
    const { port } = proxy.address() as AddressInfo;
    const raw = new Raw({ address: { host: HOST, port } }).listen().say(hello);
    const payload = new Uint8Array(200_000);
    for (let sequence = 1n; sequence <= 20n; sequence++)
      raw.say({
        case: "batch",
        value: { sequence, records: [{ event: { case: "data", value: { payload } } }] },
      });
    await until("some of it has passed", () => passed > 400_000);
    for (let before = -1, tries = 0; passed !== before && tries < 100; tries++) {
      before = passed;
      await delay(200);
    }
    expect(passed).toBeLessThan(512 * 1024 + 3 * payload.length);
    stalled.resolve(undefined);
    await until("all of it is written", () => sink.batches.length === 20);
  });

  test("peers that are gone leave nothing behind in front of a sink that stalls", async () => {
    const stalled = Promise.withResolvers<undefined>();
    const written: number[] = [];
    sink.gate = ({ sequence }) => {
      written.push(sequence);
      return stalled.promise;
    };
    const collector = await collect();
    for (let index = 0; index < 40; index++) {
      const value = { exporterId: new Uint8Array(16).fill(100 + index) };
      const raw = new Raw(collector).listen().say({ case: "hello", value }).batch(1n);
      await until("it is welcome", () => raw.acknowledged.length > 0);
      await until("its batch has come", () => written.length === Math.min(index + 1, 16));
      raw.call.cancel();
      await raw.status;
    }
    // A sink has so many at the same time; what waits for it is let go with whoever has sent it.
    await until("all is over", () => collector.statistics().streams === 0);
    stalled.resolve(undefined);
    await delay(50);
    expect(written).toHaveLength(16);
    expect(collector.statistics()).toMatchObject({ batches: 16, duplicates: 0 });
    sink.gate = () => Promise.resolve();
    await expectHealthy(collector);
  });

  test("by many: only so much of them is held", async () => {
    const collector = await collect({ unfinishedBytes: 1024 ** 2, messageMs: 60_000, idleMs: 60_000 });
    const sessions = Array.from({ length: 5 }, (_, index) => begin(collector, 500_000 + index * 1000));
    await until("too many are ended", () => sessions.filter(({ destroyed }) => destroyed).length === 3);
    expect(refusals(/ERR_EXPORT_REFUSED: .*too many messages/)).toHaveLength(3);
    // Those with the most.
    expect(sessions.map(({ destroyed }) => destroyed)).toEqual([false, false, true, true, true]);
    await expectHealthy(collector);
  });
});

test("a round trip is good for more than HTTP/2's 64 KiB", async () => {
  const { address } = await collect();
  const session = connectHttp2(`http://${address.host}:${address.port}`);
  cleanups.push(() => {
    session.destroy();
  });
  const [settings] = (await once(session, "remoteSettings")) as [Settings];
  expect(settings.initialWindowSize).toBe(512 * 1024);
  await until("the connection's is as large", () => session.state.remoteWindowSize === 512 * 1024);
});

test("a peer that sends too fast is read more slowly", async () => {
  const collector = await collect({ bytesPerSecond: 200_000 });
  const began = performance.now();
  const exporter = await GrpcExporter.start({
    ...{ target: collector.address, resource: readResource("0.0.0-test"), batchBytes: 32 * 1024 },
  });
  // A second's worth is let through at once; the rest takes its time.
  await exporter.write(new Traffic().many(100, 4000));
  await exporter.close();
  expect(sink.records).toHaveLength(100);
  expect(performance.now() - began).toBeGreaterThan(700);
});

test("a peer that owes has no batch written, on no stream, and none that is not written is charged", async () => {
  const collector = await collect({ bytesPerSecond: 1000 });
  const recordsOf = (bytes: number): object[] => Array.from({ length: bytes / 2 }, () => ({}));
  const first = new Raw(collector)
    .listen()
    .say(hello)
    .say({ case: "batch", value: { sequence: 1n, records: recordsOf(4000) } });
  // Of 4 kB, a second was saved up: it owes three.
  await until("it is written", () => first.acknowledged.includes(1));
  const other = (id: number): Message => ({
    case: "hello",
    value: { exporterId: new Uint8Array(16).fill(id) },
  });
  const gone = new Raw(collector)
    .listen()
    .say(other(2))
    .say({ case: "batch", value: { sequence: 1n, records: recordsOf(60_000) } });
  const second = new Raw(collector).listen().say(other(3)).batch(1n);
  await until("they are welcome", () => gone.acknowledged.length === 1 && second.acknowledged.length === 1);
  await delay(300);
  expect(collector.statistics().batches).toBe(1);
  gone.call.cancel();
  await until("it is written when the debt is paid", () => second.acknowledged.includes(1));
  expect(collector.statistics().batches).toBe(2);
});

test.each([
  { listen: "::1", target: "::1", peer: /^\[::1\]:\d+$/ },
  { listen: "::", target: "::1", peer: /^\[::1\]:\d+$/ },
  { listen: "::", target: HOST, peer: /^127\.0\.0\.1:\d+$/ },
])("a stream to $target that works stays, on $listen", async ({ listen, target, peer }) => {
  const collector = await GrpcCollector.start({
    ...{ listen: { host: listen, port: 0 }, insecure: true, sink, limits: { idleMs: 500 } },
    onEvent: (event) => events.push(event),
  });
  cleanups.push(() => collector.close());
  const exporter = await GrpcExporter.start({
    target: { host: target, port: collector.address.port },
    resource: readResource("0.0.0-test"),
    batchAgeMs: 5,
  });
  cleanups.push(() => exporter.close(0));
  const traffic = new Traffic();
  await exporter.write([traffic.next(1)]);
  await until("it arrives", () => sink.records.length === 1);
  // The sweeper passes some times.
  await delay(1200);
  await exporter.write([traffic.next(1)]);
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(exporter.statistics()).toMatchObject({ connections: 1, failures: {} });
  await until("it has gone", () => events.some(({ type }) => type === "disconnected"));
  expect(events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
  expect(events[0]).toMatchObject({ peer: expect.stringMatching(peer) as string });
});

test("an address that is taken is named", async () => {
  const collector = await collect();
  await expect(GrpcCollector.start({ listen: collector.address, sink })).rejects.toMatchObject({
    code: "ERR_EXPORT_OPTION",
    message: expect.stringContaining("EADDRINUSE") as string,
  });
});
