import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assemble, type Direction, type TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { request, run, startPython, startServer } from "./support/http.ts";
import { recordsOf, tile } from "./support/tiling.ts";
import { until, within } from "./support/until.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("curl fetches 1 MiB from Python's HTTP server", () => {
  const file = randomBytes(1 << 20);
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tcptracker-e2e-"));
    await writeFile(join(directory, "file.bin"), file);
  });
  afterAll(() => rm(directory, { recursive: true }));

  /** The bytes of one direction of the one connection that these records belong to; throws for anything missing. */
  function bytesOf(records: readonly TapRecord[], wanted: Direction): Buffer {
    expect(new Set(records.map(({ connection }) => connection.id)).size).toBe(1);
    const segments = [...assemble(records)].filter(({ direction }) => direction === wanted);
    expect(segments.filter(({ type }) => type === "gap")).toEqual([]);
    expect(segments.at(-1)?.type).toBe("end");
    return Buffer.concat(
      segments.map((segment) => (segment.type === "data" ? segment.bytes : new Uint8Array())),
    );
  }

  test.each([
    ["127.0.0.1", "127.0.0.1", "ipv4"],
    ["::1", "[::1]", "ipv6"],
  ])("on %s: the records give back the response, byte for byte", async (address, host, network) => {
    await using python = await startPython(directory, address);
    await using agent = await Agent.tapping(["--json"]);
    const response = join(directory, `response-${network}`);
    const url = `http://${host}:${python.port}/file.bin`;
    await run("curl", [
      "--silent",
      "--show-error",
      "--fail",
      "--noproxy",
      "*",
      "--include",
      "--globoff",
      "--output",
      response,
      url,
    ]);
    // Whoever closes last does it on its own time.
    await until("both ends are closed", () => {
      const mine = agent
        .records()
        .filter(({ local, remote }) => [local.port, remote.port].includes(python.port));
      return mine.filter(({ type }) => type === "close").length === 2;
    });
    expect((await agent.stop()).code).toBe(0);

    const expected = await readFile(response);
    expect(sha256(expected.subarray(expected.indexOf("\r\n\r\n") + 4))).toBe(sha256(file));
    const curl = recordsOf(agent.records(), { remote: python.port });
    const server = recordsOf(agent.records(), { local: python.port });
    expect(sha256(bytesOf(curl, "ingress"))).toBe(sha256(expected));
    expect(sha256(bytesOf(server, "egress"))).toBe(sha256(expected));
    expect(bytesOf(curl, "egress").toString()).toMatch(/^GET \/file.bin HTTP\/1.1\r\nHost: [^]*\r\n\r\n$/);
    expect(bytesOf(server, "ingress")).toEqual(bytesOf(curl, "egress"));

    for (const record of curl) {
      expect(record.process.name).toBe("curl");
      expect(record.connection).toMatchObject({ role: "client", joined: "start" });
      expect([record.local.address, record.remote.address]).toEqual([address, address]);
      expect(record.network).toEqual({ type: network, transport: "tcp" });
    }
    expect(new Set(server.map(({ process: { pid } }) => pid))).toEqual(new Set([python.pid]));
    expect(new Set(server.map(({ connection }) => connection.role))).toEqual(new Set(["server"]));
  });
});

describe("--snaplen", () => {
  async function exchange(
    snaplen: string,
  ): Promise<{ records: TapRecord[]; response: string; port: number }> {
    await using server = await startServer("127.0.0.1", "x".repeat(100_000));
    await using agent = await Agent.tapping(["--json", "--snaplen", snaplen]);
    const response = await request(server.port, "/snaplen");
    await agent.stop();
    return { records: agent.records(), response, port: server.port };
  }

  test("0: every call, no payload, and every byte declared", async () => {
    const { records, response, port } = await exchange("0");
    for (const side of [recordsOf(records, { remote: port }), recordsOf(records, { local: port })]) {
      const data = side.filter((record) => record.type === "data");
      expect(data.filter(({ payload }) => payload !== undefined)).toEqual([]);
      for (const direction of ["egress", "ingress"] as const) {
        const { total, captured, causes } = tile(side, direction);
        expect({ captured, causes }).toEqual({ captured: 0, causes: new Set(["snaplen"]) });
        const moved = data.filter((record) => record.direction === direction);
        expect(moved.reduce((sum, { size }) => sum + Number(size), 0)).toBe(total);
      }
    }
    expect(tile(recordsOf(records, { remote: port }), "ingress").total).toBeGreaterThan(response.length);
  });

  test("10: the first ten bytes of every call, and the rest declared", async () => {
    const { records, response, port } = await exchange("10");
    for (const side of [recordsOf(records, { remote: port }), recordsOf(records, { local: port })]) {
      for (const direction of ["egress", "ingress"] as const) {
        const data = side.filter((record) => record.type === "data" && record.direction === direction);
        const { total, captured, missing, causes } = tile(side, direction);
        expect(causes).toEqual(new Set(["snaplen"]));
        expect(captured).toBeGreaterThan(0);
        expect(captured).toBeLessThanOrEqual(10 * data.length);
        expect(captured + missing).toBe(total);
      }
    }
    const client = recordsOf(records, { remote: port });
    expect(tile(client, "ingress").total).toBeGreaterThan(response.length);
    const first = client.find((record) => record.type === "data");
    expect(first).toMatchObject({ direction: "egress", offset: 0n });
    expect(first?.type === "data" && Buffer.from(first.payload ?? []).toString()).toBe("GET /snapl");
  });
});

test("a small --buffer-size under a burst: bytes moved = bytes delivered + bytes declared missing", async () => {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer(accepted.resolve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await using agent = await Agent.tapping(["--json", "--buffer-size", "256k", "--snaplen", "64M"]);
  const client = connect(port, "127.0.0.1");
  const peer = await within("a connection", accepted.promise);
  let sent = 0;
  let received = 0;
  peer.on("data", (chunk: Buffer) => (received += chunk.length));
  const send = (bytes: Uint8Array): void => {
    sent += bytes.length;
    client.write(bytes);
  };

  for (let i = 0; i < 400; i++) send(randomBytes(10_000 + i * 100));
  await until("the burst is received", () => received === sent);
  // What had no room is declared with the next records that have: so traffic has to go on until there is some.
  const local = client.localPort ?? 0;
  const ends = [
    { selector: { local, remote: port }, direction: "egress" },
    { selector: { local: port, remote: local }, direction: "ingress" },
  ] as const;
  const burst = sent;
  await until("a message after the burst is delivered at both ends", () => {
    send(Buffer.from("after the burst"));
    const records = agent.records();
    return ends.every(({ selector, direction }) =>
      recordsOf(records, selector).some(
        (record) =>
          record.type === "data" && record.direction === direction && Number(record.offset) >= burst,
      ),
    );
  });
  await until("all is received", () => received === sent);
  const { code, stderr } = await agent.stop();
  client.destroy();
  peer.destroy();
  server.close();

  expect(code).toBe(0);
  expect(stderr).toMatch(/^tcptracker: [1-9]\d* records refused by the full buffer/m);
  for (const { selector, direction } of ends) {
    const { total, captured, missing, causes } = tile(recordsOf(agent.records(), selector), direction);
    expect(total).toBe(sent);
    expect(captured + missing).toBe(sent);
    expect(missing).toBeGreaterThan(0);
    expect(causes).toEqual(new Set(["ring_full"]));
  }
});
