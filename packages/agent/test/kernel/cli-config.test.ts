import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { payloadBytes } from "../traffic/expected.ts";
import { Agent, type AgentOptions } from "./support/agent.ts";
import { request, startServer } from "./support/http.ts";
import { assemble } from "./support/streams.ts";
import { recordsOf, tile } from "./support/tiling.ts";
import { until } from "./support/until.ts";

let directory = "";
let config = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcptracker-config-"));
  config = join(directory, "tap.yaml");
});
afterAll(() => rm(directory, { recursive: true }));

async function tappingBy(yaml: string, args: readonly string[] = [], options?: AgentOptions): Promise<Agent> {
  await writeFile(config, yaml);
  return await Agent.tapping(["--config", config, ...args], options);
}

/** Changes the file and has it read again; gives what the agent says to that. */
async function reread(agent: Agent, yaml: string): Promise<string> {
  await writeFile(config, yaml);
  const before = agent.stderr.length;
  agent.child.kill("SIGHUP");
  return await until("the file is read again", () => {
    const said = agent.stderr.slice(before);
    return / is read again: .*\n|goes on as it was\n/.test(said) && said;
  });
}

function endsOf(agent: Agent, port: number): readonly TapRecord[] {
  return [...recordsOf(agent.records(), { local: port }), ...recordsOf(agent.records(), { remote: port })];
}

/** A connection of this process with itself. */
async function connection(): Promise<{
  readonly port: number;
  readonly client: Socket;
  readonly received: Promise<number>;
}> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // What is not read does not end.
  const client = connect(port, "127.0.0.1").resume();
  const [socket] = (await once(server, "connection")) as [Socket];
  server.close();
  const count = async (): Promise<number> => {
    let bytes = 0;
    for await (const chunk of socket) bytes += (chunk as Buffer).length;
    return bytes;
  };
  return { port, client, received: count() };
}

/** Small, because each becomes a record that is read again and again below. */
const CALL = 200;

/** Sends call after call until told to stop; gives how many bytes it were. */
async function sendUntil(client: Socket, signal: AbortSignal): Promise<number> {
  let sent = 0;
  for (; !signal.aborted; sent += CALL) {
    if (!client.write(payloadBytes(1, CALL, sent))) await once(client, "drain");
    await setImmediate();
  }
  client.end();
  return sent;
}

test("a filter that SIGHUP changes under traffic loses nothing and doubles nothing that both accept", async () => {
  const { port, client, received } = await connection();
  // In every way that a filter can: in the kernel, by its payload, above it, not at all.
  const accepting = [
    `port(${port})`,
    `port(${port}) && payload.size() != 1`,
    `process.pid == ${process.pid}`,
    `port(${port}) && process.name.matches(".")`,
    undefined,
    `payload.size() >= 0 && host("127.0.0.1")`,
  ];
  const yamlOf = (filter: string | undefined): string =>
    filter === undefined ? "json: true\n" : `json: true\nfilter: ${filter}\n`;
  await using agent = await tappingBy(yamlOf(accepting[0]));
  const stop = new AbortController();
  const sending = sendUntil(client, stop.signal);
  try {
    for (let change = 1; change <= 12; change++) {
      const filter = accepting[change % accepting.length];
      expect(await reread(agent, yamlOf(filter))).toContain(
        filter === undefined ? "no filter any more" : `the filter is ${filter}`,
      );
    }
  } finally {
    stop.abort();
  }
  const sent = await sending;
  expect(await received).toBe(sent);
  console.log(`${sent} bytes in calls of ${CALL} while the filter changed 12 times`);
  const closed = new RegExp(`^{"type":"close".*"port":${port}\\b`, "gm");
  await until("both ends are closed", () => agent.stdout.match(closed)?.length === 2);
  expect((await agent.stop()).code).toBe(0);

  const [server, other] = [
    recordsOf(agent.records(), { local: port }),
    recordsOf(agent.records(), { remote: port }),
  ];
  for (const [records, direction] of [
    [other, "egress"],
    [server, "ingress"],
  ] as const) {
    expect(tile(records, direction)).toMatchObject({ total: sent, captured: sent, missing: 0 });
    expect(Buffer.compare(assemble(records, direction).bytes, payloadBytes(1, sent)), "bytes differ").toBe(0);
    expect(records.filter(({ type }) => type === "close")).toHaveLength(1);
  }
});

test("the filter that a file has is the one that counts; a broken file, or none, changes nothing", async () => {
  await using first = await startServer();
  await using second = await startServer();
  await using agent = await tappingBy(`json: true\nfilter: port(${first.port})\n`);
  const countOf = ({ port }: { readonly port: number }): number =>
    endsOf(agent, port).filter(({ type }) => type === "close").length;
  /** Asks both servers; the one whose records come is asked last, so that those of the other one would be there. */
  const expectOnly = async (
    kept: { readonly port: number },
    dropped: { readonly port: number },
  ): Promise<void> => {
    const [before, without] = [countOf(kept), endsOf(agent, dropped.port).length];
    await request(dropped.port, "/dropped");
    await request(kept.port, "/kept");
    await until("both ends are there", () => countOf(kept) === before + 2);
    expect(endsOf(agent, dropped.port)).toHaveLength(without);
  };
  await expectOnly(first, second);
  await reread(agent, `json: true\nfilter: port(${second.port})\n`);
  await expectOnly(second, first);

  for (const [yaml, place] of [
    ["json: true\nfilter: prot(1)\n", 'ERR_FILTER_NAME: column 1: there is no function "prot"'],
    ["json: true\nfliter: port(1)\n", `${config}:2:1: there is no setting 'fliter'`],
    ["json: {\n", `${config}:`],
    ["json: true\nspool: /s\n", `${config}:2:8: spool: --spool`],
  ] as const) {
    const said = await reread(agent, yaml);
    expect(said).toContain(place);
    expect(said).toContain("the tap goes on as it was");
    await expectOnly(second, first);
  }
  await rm(config);
  agent.child.kill("SIGHUP");
  await until("it says so", () => agent.stderr.includes("cannot read the configuration"));
  await expectOnly(second, first);

  const said = await reread(agent, `json: true\nsnaplen: 5\nfilter: port(${first.port})\n`);
  expect(said).toMatch(/the filter is port\(\d+\); snaplen changed, which needs a restart\n$/);
  await expectOnly(first, second);
  expect((await agent.stop()).code).toBe(0);
});

describe("who wins", () => {
  test("flags over the environment over the file, to the records", async () => {
    await using server = await startServer();
    const env = { ...process.env, TCPTRACKER_SNAPLEN: "4", TCPTRACKER_JSON: "1", TCPTRACKER_DURATION: "1ms" };
    const yaml = `snaplen: 8\njson: false\nfilter: port(${server.port})\n`;
    await using agent = await tappingBy(yaml, ["--duration", "1h"], { spawn: { env } });
    await request(server.port, "/");
    await until("a request comes", () => agent.stdout.includes('"direction":"egress"'));
    await agent.stop();
    const [sent] = agent.records().filter(({ type }) => type === "data");
    expect(sent).toMatchObject({ payload: new Uint8Array(Buffer.from("GET ")) });
    expect(
      agent.records().every(({ local, remote }) => [local.port, remote.port].includes(server.port)),
    ).toBe(true);
  });

  test("a filter of the command line, also when SIGHUP comes", async () => {
    const lists = "json: true\nredact-header: [X-A, X-B]\n";
    const flags = ["--filter", "port(2)", "--redact-pattern", "a+"];
    await using agent = await tappingBy(`${lists}filter: port(1)\n`, flags);
    expect(await reread(agent, `${lists}filter: port(3)\n`)).toContain("nothing has changed");
    await agent.stop();
  });
});

test("a file that changes while the tap starts is read when it has", async () => {
  await writeFile(config, "export: 127.0.0.1:1\nfilter: port(1)\n");
  await using agent = new Agent(["tap", "--config", config]);
  await until("it starts", () => agent.stderr.includes("exporting to"));
  await writeFile(config, "export: 127.0.0.1:1\nfilter: port(2)\n");
  agent.child.kill("SIGHUP");
  await until("it is read again", () => agent.stderr.includes("is read again: the filter is port(2)"));
  expect(agent.stderr.indexOf("tapping the TCP")).toBeLessThan(agent.stderr.indexOf("is read again"));
  await agent.stop();
});

test("without --config SIGHUP ends the tap, as it ends any program", async () => {
  await using agent = await Agent.tapping();
  expect(await agent.stop("SIGHUP")).toMatchObject({ code: null, signal: "SIGHUP" });
});

test("a file that is wrong from the start: exit code 2, and nothing is tapped", async () => {
  await writeFile(config, "snaplen: 64K\nfliter: port(1)\n");
  await using agent = new Agent(["tap", "--config", config]);
  const { code, stdout, stderr } = await agent.ended();
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`tcptracker: ${config}:2:1: there is no setting 'fliter'`);
});
