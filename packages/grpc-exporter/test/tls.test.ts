import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { GrpcCollector } from "../src/collector/collector.ts";
import type { CollectorEvent, CollectorOptions } from "../src/collector/options.ts";
import type { ExportErrorCode } from "../src/errors.ts";
import { GrpcExporter } from "../src/exporter.ts";
import type { ExporterEvent, ExporterOptions } from "../src/options.ts";
import { readResource } from "../src/resource.ts";
import type { TlsFiles } from "../src/transport/tls-files.ts";
import { makeCertificate } from "./support/certificates.ts";
import { makePki } from "./support/pki.ts";
import { account, Traffic } from "./support/records.ts";
import { MemorySink } from "./support/sink.ts";
import { until } from "./support/until.ts";

const HOST = "127.0.0.1";
let pki = "";
beforeAll(() => {
  pki = makePki();
});
afterAll(() => {
  rmSync(pki, { recursive: true });
});

const file = (name: string): string => join(pki, name);
const identity = (name: string): TlsFiles => ({ cert: file(`${name}.pem`), key: file(`${name}-key.pem`) });

let cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
});

interface Pair {
  readonly sink: MemorySink;
  readonly collector: GrpcCollector;
  readonly exporter: GrpcExporter;
  readonly received: CollectorEvent[];
  readonly told: ExporterEvent[];
}

async function pair(
  server: Partial<CollectorOptions>,
  client: Partial<ExporterOptions>,
  host = HOST,
): Promise<Pair> {
  const [received, told, sink] = [[] as CollectorEvent[], [] as ExporterEvent[], new MemorySink()];
  const collector = await GrpcCollector.start({
    ...{ listen: { host: HOST, port: 0 }, sink, reloadIntervalMs: 20, ...server },
    onEvent: (event) => received.push(event),
  });
  cleanups.push(() => collector.close());
  const exporter = await GrpcExporter.start({
    ...{ target: { host, port: collector.address.port }, resource: readResource("0.0.0-test") },
    ...{ batchAgeMs: 5, backoff: { first: 5, most: 50 }, reloadIntervalMs: 20, ...client },
    onEvent: (event) => told.push(event),
  });
  cleanups.push(() => exporter.close(0));
  return { sink, collector, exporter, received, told };
}

async function expectDelivery({ sink, exporter }: Pair): Promise<void> {
  const traffic = new Traffic();
  await exporter.write(traffic.many(10, 1000));
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  expect(account(sink.records).delivered).toBe(traffic.bytes);
}

describe("goes through:", () => {
  test.each(["localhost", HOST])("a server's certificate, to %s", async (host) => {
    await expectDelivery(await pair({ tls: identity("server") }, { tls: { ca: file("ca.pem") } }, host));
  });

  test("certificates on both sides", async () => {
    const server = { ...identity("server"), ca: file("ca.pem") };
    await expectDelivery(await pair({ tls: server }, { tls: { ...identity("client"), ca: file("ca.pem") } }));
  });

  test("a token", async () => {
    writeFileSync(file("token"), "s3cret\n");
    const both = { tokenFile: file("token") };
    await expectDelivery(
      await pair({ tls: identity("server"), ...both }, { tls: { ca: file("ca.pem") }, ...both }),
    );
  });
});

describe("is refused, with the reason:", () => {
  async function refused(run: Promise<Pair>, code: ExportErrorCode, text: RegExp): Promise<Pair> {
    const all = await run;
    await all.exporter.write([new Traffic().next(10)]);
    const event = await until("it is told", () =>
      all.told.find((each) => each.type === "disconnected" && each.error.code === code),
    );
    expect("error" in event && event.error.message).toMatch(text);
    expect(all.sink.batches).toEqual([]);
    expect(all.exporter.statistics()).toMatchObject({ connected: false, acknowledged: 0 });
    return all;
  }

  /** Node.js hangs up, and sends no alert that would say why. */
  const NOT_TRUSTED = /^\w+: 127\.0\.0\.1:\d+ hangs up .*does not trust the certificate/;

  async function seenByCollector({ received }: Pair, code: ExportErrorCode, text: RegExp): Promise<void> {
    const event = await until("the collector says so, too", () =>
      received.find((each) => each.type === "refused" && each.error.code === code),
    );
    expect("error" in event && event.error.message).toMatch(text);
  }

  test("an authority that is not trusted", async () => {
    const run = pair({ tls: identity("server") }, { tls: { ca: file("other-ca.pem") } });
    await seenByCollector(
      await refused(run, "ERR_EXPORT_CERTIFICATE_ISSUER", /authority that is not trusted/),
      "ERR_EXPORT_TLS",
      NOT_TRUSTED,
    );
  });

  test("an authority that the system does not trust", async () => {
    await refused(
      pair({ tls: identity("server") }, { tls: {} }),
      "ERR_EXPORT_CERTIFICATE_ISSUER",
      /not trusted/,
    );
  });

  test("a certificate that has expired", async () => {
    const run = pair({ tls: identity("expired") }, { tls: { ca: file("ca.pem") } });
    await seenByCollector(
      await refused(run, "ERR_EXPORT_CERTIFICATE_EXPIRED", /expired/),
      "ERR_EXPORT_TLS",
      NOT_TRUSTED,
    );
  });

  test("a certificate for another name", async () => {
    const run = pair({ tls: identity("misnamed") }, { tls: { ca: file("ca.pem") } });
    await seenByCollector(
      await refused(run, "ERR_EXPORT_CERTIFICATE_NAME", /collector\.invalid/),
      "ERR_EXPORT_TLS",
      NOT_TRUSTED,
    );
  });

  test.each([
    ["no client certificate", {}],
    ["a client certificate of another authority", "impostor"],
  ])("%s", async (_, client) => {
    const own = typeof client === "string" ? identity(client) : client;
    const server = { ...identity("server"), ca: file("ca.pem") };
    const run = pair({ tls: server }, { tls: { ...own, ca: file("ca.pem") } });
    const { received } = await refused(run, "ERR_EXPORT_CERTIFICATE_CLIENT", /client certificate/);
    const event = await until("the collector says why, too", () =>
      received.find((each) => each.type === "refused"),
    );
    expect("error" in event && event.error.code).toMatch(/^ERR_EXPORT_CERTIFICATE_(CLIENT|ISSUER)$/);
  });

  test("a client's certificate that has expired", async () => {
    const server = { ...identity("server"), ca: file("ca.pem") };
    const run = pair({ tls: server }, { tls: { ...identity("expired"), ca: file("ca.pem") } });
    const { received } = await refused(run, "ERR_EXPORT_CERTIFICATE_CLIENT", /does not accept/);
    const event = received.find((each) => each.type === "refused");
    expect(event).toMatchObject({ error: { code: "ERR_EXPORT_CERTIFICATE_EXPIRED" } });
  });

  test.each<[string, Partial<CollectorOptions>, RegExp]>([
    ["", {}, /speaks TLS, and this side plaintext/],
    [" with client certificates", { tls: { ca: "ca.pem" } }, /speaks TLS, and this side plaintext/],
  ])("plaintext to TLS%s", async (_, { tls }, text) => {
    const mutual = tls?.ca === undefined ? {} : { ca: file(tls.ca) };
    const run = pair({ tls: { ...identity("server"), ...mutual } }, {});
    const all = await refused(run, "ERR_EXPORT_TLS", text);
    await seenByCollector(all, "ERR_EXPORT_TLS", /127\.0\.0\.1:\d+ does not speak TLS/);
    // The same at each attempt, so it is said once.
    const { failures } = all.exporter.statistics();
    await until("it has tried again", () => {
      const now = all.exporter.statistics().failures;
      return (now.ERR_EXPORT_TLS ?? 0) > (failures.ERR_EXPORT_TLS ?? 0) + 1;
    });
    expect(all.told.map((event) => "error" in event && event.error.code)).toEqual(["ERR_EXPORT_TLS"]);
  });

  test("TLS to plaintext", async () => {
    const run = pair({}, { tls: { ca: file("ca.pem") } });
    const all = await refused(run, "ERR_EXPORT_TLS", /one side speaks TLS and the other does not/);
    await seenByCollector(all, "ERR_EXPORT_TLS", /127\.0\.0\.1:\d+ speaks TLS, and this collector plaintext/);
  });

  // OpenSSL's own client says why, unlike that of Node.js.
  test.each<[string, string, ExportErrorCode, RegExp]>([
    ["an authority", "server", "ERR_EXPORT_CERTIFICATE_ISSUER", /does not know the authority/],
    ["a time", "expired", "ERR_EXPORT_CERTIFICATE_EXPIRED", /finds the certificate .* expired/],
  ])("a client that names %s as its reason", async (name, certificate, code, text) => {
    const all = await pair({ tls: identity(certificate) }, { backoff: { first: 600_000, most: 600_000 } });
    const trusted = file(name === "a time" ? "ca.pem" : "other-ca.pem");
    const at = `${HOST}:${all.collector.address.port}`;
    const client = spawn(
      "openssl",
      ["s_client", "-connect", at, "-verify_return_error", "-CAfile", trusted],
      { stdio: "ignore" },
    );
    cleanups.push(() => Promise.resolve(client.kill()));
    await seenByCollector(all, code, text);
  });

  test("one that only looks whether somebody listens is not refused anything", async () => {
    const { collector, received } = await pair(
      { tls: identity("server") },
      { backoff: { first: 600_000, most: 600_000 }, tls: { ca: file("ca.pem") } },
    );
    const socket = connectTcp(collector.address);
    await once(socket, "connect");
    socket.destroy();
    await until("it is gone", () => collector.statistics().connections === 1);
    expect(received.filter(({ type }) => type === "refused")).toEqual([]);
  });

  test.each([
    ["no token", undefined],
    ["another token", "gu3ss"],
  ])("%s", async (_, token) => {
    writeFileSync(file("token"), "s3cret\n");
    if (token !== undefined) writeFileSync(file("wrong-token"), token);
    const run = pair(
      { tls: identity("server"), tokenFile: file("token") },
      {
        tls: { ca: file("ca.pem") },
        ...(token === undefined ? {} : { tokenFile: file("wrong-token") }),
      },
    );
    await refused(run, "ERR_EXPORT_UNAUTHENTICATED", /token/);
  });
});

describe("at the start:", () => {
  const target = { host: HOST, port: 1 };
  const resource = readResource("0.0.0-test");

  test.each<[string, TlsFiles, ExportErrorCode, RegExp]>([
    ["no such file", { ca: "/nonexistent/ca.pem" }, "ERR_EXPORT_FILE", /ENOENT.*\/nonexistent\/ca.pem/],
    [
      "a key of another certificate",
      { cert: "server.pem", key: "client-key.pem" },
      "ERR_EXPORT_KEY_MISMATCH",
      /does not belong/,
    ],
    [
      "a certificate that is a key",
      { cert: "server-key.pem", key: "server-key.pem" },
      "ERR_EXPORT_FILE",
      /server-key.pem/,
    ],
    ["authorities that are none", { ca: "server-key.pem" }, "ERR_EXPORT_FILE", /no certificate/],
    ["a certificate without its key", { cert: "server.pem" }, "ERR_EXPORT_OPTION", /needs its key/],
  ])("%s", async (_, names, code, text) => {
    const tls = Object.fromEntries(
      Object.entries(names).map(([key, name]) => [key, join(pki, name as string)]),
    );
    const absolute = names.ca?.startsWith("/") === true ? names : tls;
    const starting = GrpcExporter.start({ target, resource, tls: absolute });
    await expect(starting).rejects.toMatchObject({ code, message: expect.stringMatching(text) as string });
  });

  test("a token in plaintext to elsewhere", async () => {
    const starting = GrpcExporter.start({
      ...{ target: { host: "192.0.2.1", port: 1 }, resource, insecure: true, tokenFile: file("token") },
    });
    await expect(starting).rejects.toMatchObject({ code: "ERR_EXPORT_PLAINTEXT" });
  });

  test("a collector in plaintext on all addresses", async () => {
    const starting = GrpcCollector.start({ listen: { host: "0.0.0.0", port: 0 }, sink: new MemorySink() });
    await expect(starting).rejects.toMatchObject({ code: "ERR_EXPORT_PLAINTEXT" });
  });

  test.each(["collector.example", "192.0.2.1"])("TLS is the default to %s", async (host) => {
    const exporter = await GrpcExporter.start({ target: { host, port: 1 }, resource });
    expect(exporter.encrypted).toBe(true);
    await exporter.close(0);
  });
});

describe("files that change", () => {
  test("are read again on both sides, and nothing is lost", async () => {
    const live = mkdtempSync(join(tmpdir(), "tcptracker-live-"));
    const install = (name: string, as: string): void => {
      copyFileSync(file(`${name}.pem`), join(live, `${as}.pem`));
      copyFileSync(file(`${name}-key.pem`), join(live, `${as}-key.pem`));
    };
    const liveIdentity = (name: string): TlsFiles => ({
      cert: join(live, `${name}.pem`),
      key: join(live, `${name}-key.pem`),
    });
    install("server", "server");
    install("client", "client");
    const all = await pair(
      { tls: { ...liveIdentity("server"), ca: file("ca.pem") } },
      { tls: { ...liveIdentity("client"), ca: file("ca.pem") } },
    );
    const { exporter, collector, sink, received, told } = all;
    const traffic = new Traffic();
    await exporter.write(traffic.many(100, 1000));
    await until("it is connected", () => exporter.statistics().connected);

    // New pairs of the same authority: fresh ones, made by another run, would not be of it.
    const fresh = makeRenewed();
    for (const [name, text] of Object.entries(fresh)) writeFileSync(join(live, name), text);
    await exporter.write(traffic.many(100, 1000));
    await until("both have read them", () =>
      [received, told].every((events) => events.some(({ type }) => type === "reloaded")),
    );
    await exporter.write(traffic.many(100, 1000));
    await until("it is connected again", () => exporter.statistics().connections > 1);
    expect(await servedCertificate(collector.address.port)).toBe("renewed");
    expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
    expect(account(sink.records)).toEqual({ delivered: traffic.bytes, missing: 0n, causes: [] });
    expect(exporter.statistics().failures).toEqual({});
    rmSync(live, { recursive: true });
  });

  test("and cannot be used are complained about, and the old ones stay", async () => {
    copyFileSync(file("ca.pem"), file("live-ca.pem"));
    const all = await pair({ tls: identity("server") }, { tls: { ca: file("live-ca.pem") } });
    await until("it is connected", () => all.exporter.statistics().connected);
    writeFileSync(file("live-ca.pem"), "nonsense");
    const event = await until("it complains", () => all.told.find(({ type }) => type === "problem"));
    expect("error" in event && event.error.code).toBe("ERR_EXPORT_FILE");
    await expectDelivery(all);
  });

  test("make an exporter that was refused try at once", async () => {
    copyFileSync(file("other-ca.pem"), file("late-ca.pem"));
    const all = await pair(
      { tls: identity("server") },
      { tls: { ca: file("late-ca.pem") }, backoff: { first: 600_000, most: 600_000 } },
    );
    await until("it is refused", () => all.told.some(({ type }) => type === "disconnected"));
    copyFileSync(file("ca.pem"), file("late-ca.pem"));
    await expectDelivery(all);
  });

  function makeRenewed(): Record<string, string> {
    const issuer = { name: "authority", cert: "", key: authorityKey() };
    const hosts = ["localhost", HOST];
    const server = makeCertificate({ name: "renewed", hosts, issuer });
    const client = makeCertificate({ name: "renewed client", issuer });
    return {
      ...{ "server.pem": server.cert, "server-key.pem": server.key },
      ...{ "client.pem": client.cert, "client-key.pem": client.key },
    };
  }

  async function servedCertificate(port: number): Promise<string | undefined> {
    const socket = connect({ host: HOST, port, ca: readFileSync(file("ca.pem")), ...readIdentity("client") });
    await once(socket, "secureConnect");
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return typeof subject.CN === "string" ? subject.CN : undefined;
  }

  function authorityKey(): string {
    return readFileSync(file("ca-key.pem"), "utf8");
  }

  function readIdentity(name: string): { cert: string; key: string } {
    const read = (part: string): string => readFileSync(file(part), "utf8");
    return { cert: read(`${name}.pem`), key: read(`${name}-key.pem`) };
  }
});

test.each(["TLSv1", "TLSv1.1"] as const)("%s is not spoken", async (version) => {
  const { collector } = await pair({ tls: identity("server") }, { tls: { ca: file("ca.pem") } });
  const socket = connect({
    ...{ host: HOST, port: collector.address.port, rejectUnauthorized: false },
    ...{ minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" },
  });
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/);
});

test("who comes back is asked for a certificate again", async () => {
  const { collector } = await pair({ tls: identity("server") }, { tls: { ca: file("ca.pem") } });
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const options = { ...collector.address, ca: readFileSync(file("ca.pem")), maxVersion };
    const first = connect({ ...options, ALPNProtocols: ["h2"] });
    // With TLS 1.3 tickets come after the handshake.
    let ticket: Buffer | undefined;
    first.on("session", (session: Buffer) => (ticket = session));
    await once(first, "data");
    first.destroy();
    const second = connect({ ...options, session: ticket ?? first.getSession() });
    await once(second, "secureConnect");
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
  }
});
