/** `tcptracker tap --export` and `tcptracker collect`: as processes, with real traffic. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fromJson, toJson, type TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { request, run, startServer, whileRequesting } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until } from "./support/until.ts";

let directory = "";
const file = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcptracker-export-"));
  const pki = join(import.meta.dirname, "../../../grpc-exporter/test/support/pki.ts");
  await run(process.execPath, [pki, directory]);
  await writeFile(file("token"), "s3cret\n");
});
afterAll(() => rm(directory, { recursive: true }));

const server = (name: string): string[] => [
  "--tls-cert",
  file(`${name}.pem`),
  "--tls-key",
  file(`${name}-key.pem`),
];
const trust = (name: string): string[] => ["--tls-ca", file(`${name}.pem`)];

/** A collector that listens, and where. */
async function collecting(
  args: readonly string[] = [],
  listen = "127.0.0.1:0",
): Promise<Agent & { at: string }> {
  const agent = new Agent(["collect", "--listen", listen, "--json", ...args]);
  const at = await until("it listens", () => {
    if (agent.child.exitCode !== null) throw new Error(`the collector ended: ${agent.stderr}`);
    return /collecting on (\S+) /.exec(agent.stderr)?.[1];
  });
  return Object.assign(agent, { at });
}

/** Records of the connections to a port, as lines. */
function linesOf(records: readonly TapRecord[], port: number): string[] {
  return [...recordsOf(records, { remote: port }), ...recordsOf(records, { local: port })].map(toJson);
}

async function isClosed(agent: Agent, port: number): Promise<void> {
  await until("both ends are closed", () => {
    const mine = agent.records().filter(({ local, remote }) => [local.port, remote.port].includes(port));
    return mine.filter(({ type }) => type === "close").length === 2;
  });
}

describe("the collector's JSON equals the tap's own", () => {
  test.each([
    ["in plaintext on loopback", [], []],
    ["by TLS", () => server("server"), () => trust("ca")],
    [
      "by TLS with certificates on both sides, and a token",
      () => [...server("server"), ...trust("ca"), "--token-file", file("token")],
      () => [...server("client"), ...trust("ca"), "--export-token-file", file("token")],
    ],
  ])("%s", async (_, ours, theirs) => {
    await using collector = await collecting(typeof ours === "function" ? ours() : ours);
    await using web = await startServer("127.0.0.1", "x".repeat(100_000));
    const args = ["--json", "--export", collector.at, ...(typeof theirs === "function" ? theirs() : theirs)];
    await using tap = await Agent.tapping(args);
    await run("curl", ["--silent", "--fail", "--noproxy", "*", `http://127.0.0.1:${web.port}/exported`]);
    await isClosed(tap, web.port);
    const { code, stderr } = await tap.stop();
    expect(code).toBe(0);
    const own = linesOf(tap.records(), web.port);
    expect(own.length).toBeGreaterThan(5);
    expect(linesOf(collector.records(), web.port)).toEqual(own);
    // All of it, not only what was asked for.
    expect(collector.stdout).toBe(tap.stdout);
    expect(stderr).toMatch(/exported \d+ records in \d+ batch(es)?, 0 sent again/);
    expect((await collector.stop()).stderr).toMatch(/received \d+ records in \d+ batch/);
  });
});

test("without --json a tap that exports prints no records", async () => {
  await using collector = await collecting();
  await using web = await startServer();
  await using tap = await Agent.tapping(["--export", collector.at]);
  await request(web.port, "/silent");
  await tap.stop();
  expect(tap.stdout).toBe("");
  expect(linesOf(collector.records(), web.port).length).toBeGreaterThan(3);
});

test("a collector on the same host does not feed the tap with what it receives", async () => {
  await using collector = await collecting();
  await using web = await startServer();
  await using tap = await Agent.tapping(["--json", "--export", collector.at]);
  for (let index = 0; index < 20; index++) await request(web.port, `/${index}`);
  const { stderr } = await tap.stop();
  const port = Number(collector.at.split(":").at(-1));
  expect(tap.records().filter(({ local, remote }) => [local.port, remote.port].includes(port))).toEqual([]);
  expect(stderr).toMatch(/[1-9]\d* records? of the collector's own connections left out/);
});

describe("is refused, on the right side and with the reason:", () => {
  const HANGS_UP = /refused: ERR_EXPORT_TLS: 127\.0\.0\.1:\d+ hangs up .* does not trust the certificate/;

  test.each<[string, () => string[], () => string[], RegExp, RegExp]>([
    [
      "another authority",
      () => server("server"),
      () => trust("other-ca"),
      /ERR_EXPORT_CERTIFICATE_ISSUER: \S+ the certificate comes from an authority that is not trusted here/,
      HANGS_UP,
    ],
    [
      "an expired certificate",
      () => server("expired"),
      () => trust("ca"),
      /ERR_EXPORT_CERTIFICATE_EXPIRED: \S+ the certificate has expired/,
      HANGS_UP,
    ],
    [
      "a certificate for another name",
      () => server("misnamed"),
      () => trust("ca"),
      /ERR_EXPORT_CERTIFICATE_NAME: \S+ the certificate is for other names.*collector\.invalid/,
      HANGS_UP,
    ],
    [
      "no client certificate",
      () => [...server("server"), ...trust("ca")],
      () => trust("ca"),
      /ERR_EXPORT_CERTIFICATE_CLIENT: .*wants a client certificate, and there is none/,
      /refused: ERR_EXPORT_CERTIFICATE_CLIENT: 127\.0\.0\.1:\d+ has no client certificate/,
    ],
    [
      "plaintext where TLS is wanted",
      () => server("server"),
      () => [],
      /ERR_EXPORT_TLS: \S+ speaks TLS, and this side plaintext/,
      /refused: ERR_EXPORT_TLS: 127\.0\.0\.1:\d+ does not speak TLS/,
    ],
    [
      "TLS where plaintext is wanted",
      () => [],
      () => trust("ca"),
      /ERR_EXPORT_TLS: \S+ one side speaks TLS and the other does not/,
      /refused: ERR_EXPORT_TLS: 127\.0\.0\.1:\d+ speaks TLS, and this collector plaintext/,
    ],
  ])("%s", async (_, ours, theirs, said, collectors) => {
    await using collector = await collecting(ours());
    await using web = await startServer();
    await using tap = await Agent.tapping(["--export", collector.at, ...theirs()]);
    await request(web.port, "/refused");
    await until("the tap says so", () => said.test(tap.stderr));
    await until("the collector says so", () => collectors.test(collector.stderr));
    // What was not delivered is no success.
    const { code, stderr } = await tap.stop();
    expect(code).toBe(1);
    expect(stderr).toMatch(/batches were NOT delivered/);
    // However often it has tried.
    expect(stderr.split("trying again")).toHaveLength(2);
    expect(collector.stdout).toBe("");
  });

  test("plaintext on an address that is not loopback, without --insecure", async () => {
    await using refused = new Agent(["collect", "--listen", "0.0.0.0:0"]);
    expect(await refused.ended()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("ERR_EXPORT_PLAINTEXT") as string,
    });
    await using allowed = await collecting(["--insecure"], "0.0.0.0:0");
    expect(allowed.stderr).toContain("in PLAINTEXT (--insecure)");
    expect((await allowed.stop()).code).toBe(0);
  });

  test("files that are not there, before anything is tapped", async () => {
    await using tap = new Agent(["tap", "--export", "127.0.0.1:1", "--tls-ca", "/nonexistent/ca.pem"]);
    const { code, stderr } = await tap.ended();
    expect(code).toBe(1);
    expect(stderr).toMatch(/ERR_EXPORT_FILE: .*\/nonexistent\/ca.pem/);
    expect(stderr).not.toContain("tapping");
  });
});

describe("a collector that is killed and started again", () => {
  test("with --output has every record once, and nothing is missing", async () => {
    const output = file("records.json");
    const args = ["--output", output];
    const first = await collecting(args);
    await using web = await startServer("127.0.0.1", "y".repeat(20_000));
    await using tap = await Agent.tapping(["--json", "--export", first.at, "--spool", file("spool")]);
    const size = async (): Promise<number> => (await readFile(output)).length;
    let collector = first;
    await whileRequesting(web.port, async () => {
      for (let round = 1; round <= 3; round++) {
        const enough = (await size()) + 100_000;
        for (let look = 0; look < 2000 && (await size()) < enough; look++) await delay(10);
        collector.child.kill("SIGKILL");
        await collector.ended();
        collector = await collecting(args, first.at);
      }
    });
    const { code, stderr } = await tap.stop();
    expect(code).toBe(0);
    expect((await collector.stop()).code).toBe(0);
    const received = (await readFile(output, "utf8")).split("\n").slice(0, -1);
    expect(received.map((line) => toJson(fromJson(line)))).toEqual(received);
    expect(received.join("\n")).toBe(tap.stdout.trimEnd());
    expect(stderr).toContain("trying again");
  });
});

test("a tap that finds no collector keeps what it sees in its spool, and the next one delivers it", async () => {
  await using away = await collecting();
  await away.stop();
  const spool = file("waiting");
  await using web = await startServer();
  await using tap = await Agent.tapping(["--json", "--export", away.at, "--spool", spool]);
  await request(web.port, "/kept");
  await until("it says so", () => tap.stderr.includes("ERR_EXPORT_UNREACHABLE"));
  const { code, stderr } = await tap.stop();
  expect(code).toBe(0);
  expect(stderr).toContain("go with the next export");
  await using collector = await collecting([], away.at);
  await using next = await Agent.tapping(["--export", collector.at, "--spool", spool]);
  await until("it is delivered", () => collector.stdout.startsWith(tap.stdout));
  await next.stop();
});

test("a reader of the collector that goes away ends it quietly", async () => {
  await using collector = await collecting();
  collector.child.stdout.destroy();
  await using web = await startServer();
  await using tap = await Agent.tapping(["--export", collector.at]);
  await request(web.port, "/nobody-reads");
  expect((await collector.ended()).code).toBe(0);
  await tap.stop();
});

test("secrets are in none of the sinks, nor in the spool; --redact none lets them through", async () => {
  const secret = "s3cr3t-c0ffee";
  const spool = file("redacted");
  await using away = await collecting();
  await away.stop();
  await using web = await startServer();
  const ask = async (): Promise<void> => {
    const header = ["--header", `Authorization: Bearer ${secret}`, "--header", `Cookie: id=${secret}`];
    await run("curl", ["--silent", "--noproxy", "*", ...header, `http://127.0.0.1:${web.port}/`]);
  };
  await using tap = await Agent.tapping(["--json", "--export", away.at, "--spool", spool]);
  await ask();
  await isClosed(tap, web.port);
  const { stderr } = await tap.stop();
  expect(stderr).toMatch(/secrets replaced in 2 records/);
  const sent = recordsOf(tap.records(), { remote: web.port }).find(({ type }) => type === "data");
  expect(sent).toMatchObject({ redacted: [{ size: 7 + secret.length }, { size: 3 + secret.length }] });
  const payloads = tap
    .records()
    .map((record) => (record.type === "data" ? Buffer.from(record.payload ?? []) : Buffer.of()));
  expect(Buffer.concat(payloads).includes(secret)).toBe(false);
  const segments = (await readdir(spool)).map((name) => readFile(join(spool, name)));
  const onDisk = Buffer.concat(await Promise.all(segments));
  expect(onDisk.includes("GET / HTTP/1.1")).toBe(true);
  expect(onDisk.includes(secret)).toBe(false);

  await using open = await Agent.tapping(["--json", "--redact", "none"]);
  await ask();
  await isClosed(open, web.port);
  await open.stop();
  const shown = open
    .records()
    .map((record) => (record.type === "data" ? Buffer.from(record.payload ?? []) : Buffer.of()));
  expect(Buffer.concat(shown).includes(secret)).toBe(true);
});

test("metrics of a tap that exports: figures, and whether it is ready", async () => {
  const collector = await collecting();
  await using web = await startServer();
  await using tap = await Agent.tapping(["--export", collector.at, "--metrics", "127.0.0.1:0"]);
  const base = await until("it serves", () => /metrics on (http:\S+)\/metrics/.exec(tap.stderr)?.[1]);
  const get = async (path: string): Promise<string> => {
    const response = await fetch(base + path);
    return `${response.status} ${await response.text()}`;
  };
  await request(web.port, "/measured");
  await until("it exports", () => collector.stdout.includes(`"port":${web.port}`));
  const figures = await get("/metrics");
  expect(figures).toMatch(/^tcptracker_records_total\{type="data"\} [1-9]/m);
  expect(figures).toMatch(/^tcptracker_kernel_total\{counter="delivered_bytes"\} [1-9]/m);
  expect(figures).toMatch(/^tcptracker_export_records_total [1-9]/m);
  expect(await get("/healthz")).toBe("200 ok\n");
  expect(await get("/readyz")).toBe("200 ok\n");
  await collector.stop();
  await until("the tap notices", () => tap.stderr.includes("trying again"));
  expect(await get("/readyz")).toBe("503 the collector does not receive\n");
  expect(await get("/healthz")).toBe("200 ok\n");
  await tap.stop();
});
