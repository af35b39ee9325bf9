// `npm run test:compose`: builds the images, brings the demo up, and holds what the collector received against what client and
// server did. Skipped, with the reason, only where no container engine answers.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fromJson, StreamAssembler, type Direction, type TapRecord } from "@tcptracker/events";
import { Demo, IMAGES, sizeOf, whyNoEngine } from "./engine.ts";
import { parseMessages, type Message } from "./messages.ts";

const REQUESTS = 20;
const MIB = 1024 ** 2;
const BASE = "node:24-bookworm-slim";

function say(text: string): void {
  console.log(`compose: ${text}`);
}

/** Waits for something that a container says. */
async function until<T>(what: string, seconds: number, look: () => T | undefined): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(500);
  }
}

function recordsOf(demo: Demo): TapRecord[] {
  return demo
    .linesOf("collector")
    .filter((line) => line.startsWith("{"))
    .map((line) => fromJson(line));
}

/** What the client says that it did, once it has ended. */
async function clientSummary(demo: Demo): Promise<{ requests: number; failed: number }> {
  const line = await until("the client's summary", 90, () =>
    demo.linesOf("http-client").find((one) => one.startsWith('{"requests"')),
  );
  return JSON.parse(line) as { requests: number; failed: number };
}

/** The records of a container, once its connection has ended. */
async function closedRecords(demo: Demo, container: string): Promise<TapRecord[]> {
  return await until(`the end of the connection of ${container}`, 30, () => {
    const own = recordsOf(demo).filter((record) => record.container?.name === container);
    return own.some(({ type }) => type === "close") ? own : undefined;
  });
}

function messagesOf(records: readonly TapRecord[], direction: Direction): Message[] {
  const assembler = new StreamAssembler();
  const segments = [...records.flatMap((record) => [...assembler.push(record)]), ...assembler.flush()];
  const bytes = segments.flatMap((segment) => {
    if (segment.direction !== direction) return [];
    assert.notEqual(segment.type, "gap", "something is missing in what was recorded");
    return segment.type === "data" ? [segment.bytes] : [];
  });
  return parseMessages(Buffer.concat(bytes));
}

/** Each answer by what it says of itself, or by what was asked. */
function checkAnswer(request: Message, answer: Message): void {
  assert.equal(answer.start, "HTTP/1.1 200 OK", request.start);
  const digest = /sha-256=:([^:]*):/.exec(answer.headers["content-digest"] ?? "")?.[1];
  if (digest !== undefined)
    assert.equal(createHash("sha256").update(answer.body).digest("base64"), digest, request.start);
  else if (request.start.startsWith("POST /api/echo")) assert.deepEqual(answer.body, request.body);
  else if (request.start.startsWith("GET / "))
    assert.equal(String(answer.body), "hello from the demo server\n");
  else assert.ok(Array.isArray((JSON.parse(String(answer.body)) as { items: unknown }).items), request.start);
}

async function checkConversation(demo: Demo): Promise<void> {
  const [client, server] = [`${demo.project}-http-client-1`, `${demo.project}-http-server-1`];
  const summary = await clientSummary(demo);
  assert.deepEqual({ requests: summary.requests, failed: summary.failed }, { requests: REQUESTS, failed: 0 });
  const ends = [await closedRecords(demo, client), await closedRecords(demo, server)] as const;
  const requests = [messagesOf(ends[0], "egress"), messagesOf(ends[1], "ingress")] as const;
  const answers = [messagesOf(ends[0], "ingress"), messagesOf(ends[1], "egress")] as const;
  assert.equal(requests[0].length, REQUESTS);
  assert.equal(answers[0].length, REQUESTS);
  assert.deepEqual(requests[1], requests[0], "the server received what the client sent");
  assert.deepEqual(answers[1], answers[0], "the client received what the server sent");
  for (const [index, request] of requests[0].entries()) checkAnswer(request, answers[0][index] as Message);
  for (const [end, service] of [
    [ends[0], "http-client"],
    [ends[1], "http-server"],
  ] as const)
    for (const { container } of end) {
      assert.equal(container?.id, demo.inspect(service, "{{.Id}}"));
      assert.equal(container.image, `${IMAGES}/demo-${service}`);
      assert.equal(container.runtime, "docker");
    }
  const others = recordsOf(demo).filter(({ container }) => ![client, server].includes(container?.name ?? ""));
  assert.deepEqual(others, [], "records of other containers");
  const bodies = answers[0].reduce((sum, { body }) => sum + body.length, 0);
  say(
    `${REQUESTS} requests and answers seen from both ends, ${(bodies / MIB).toFixed(1)} MiB of bodies, all as sent`,
  );
}

/** Whether the collector speaks HTTP/2 to somebody in the agent's container who connects like this; else why not. */
function speaksTo(demo: Demo, url: string, options: string): string {
  const script = `
    const read = (name) => require("node:fs").readFileSync("/certificates/" + name);
    const session = require("node:http2").connect("${url}", ${options});
    const say = (word) => { console.log(word); process.exit(); };
    session.on("remoteSettings", () => say("yes")).on("error", (e) => say(e.code)).on("close", () => say("closed"));
    setTimeout(() => say("no answer"), 5000);`;
  return demo.compose(["exec", "-T", "agent", "node", "-e", script], 30).stdout.trim();
}

function checkTls(demo: Demo): void {
  const listening = demo.linesOf("collector").find((line) => line.includes("collecting on"));
  assert.match(listening ?? "", /by TLS; wants client certificates/);
  const [known, unknown, plain] = [
    speaksTo(
      demo,
      "https://collector:4319",
      '{ ca: read("ca.pem"), cert: read("agent.pem"), key: read("agent-key.pem") }',
    ),
    speaksTo(demo, "https://collector:4319", '{ ca: read("ca.pem") }'),
    speaksTo(demo, "http://collector:4319", "{}"),
  ];
  assert.equal(known, "yes");
  assert.notEqual(unknown, "yes");
  assert.notEqual(plain, "yes");
  say(`received by TLS; refused without a certificate (${unknown}), and in plaintext (${plain})`);
}

/** The agent anew, with a filter on one container. */
async function checkFilter(demo: Demo): Promise<void> {
  const filter = `container.name == "${demo.project}-http-client-1"`;
  demo.compose(["rm", "--force", "--stop", "http-client", "agent", "collector"], 60);
  demo.compose(["up", "--detach", "http-client"], 180, { TCPTRACKER_DEMO_FILTER: filter });
  await clientSummary(demo);
  const own = await closedRecords(demo, `${demo.project}-http-client-1`);
  assert.equal(messagesOf(own, "egress").length, REQUESTS);
  assert.equal(messagesOf(own, "ingress").length, REQUESTS);
  assert.equal(own.length, recordsOf(demo).length, "records of that container, and no others");
  const plan = demo.compose(["exec", "-T", "agent", "tcptracker", "explain", filter], 60).stdout;
  assert.match(plan, /in user space:\n {2}nothing: the kernel decides all of it/);
  const { stdout } = demo.compose(
    [
      ...["exec", "-T", "agent", "node", "-e"],
      'fetch("http://127.0.0.1:9464/metrics").then((r) => r.text()).then((text) => console.log(text))',
    ],
    30,
  );
  const rejected = Number(/filter_verdicts_total\{verdict="rejected"\} (\d+)/.exec(stdout)?.[1]);
  assert.ok(rejected > 0, "the kernel has rejected calls");
  say(`${filter}: ${own.length} records, all of it; the kernel rejected ${rejected} calls of others`);
}

function checkEnd(demo: Demo): void {
  demo.compose(["stop", "--timeout", "20"], 120);
  for (const service of ["agent", "collector", "http-server", "http-client", "certificates"])
    assert.equal(demo.inspect(service, "{{.State.ExitCode}}"), "0", `exit code of ${service}`);
  say("everything stops when it is told to, with exit code 0");
}

async function main(): Promise<void> {
  const reason = whyNoEngine();
  if (reason !== undefined) {
    assert.notEqual(process.env["TCPTRACKER_COMPOSE_REQUIRED"], "1", reason);
    say(`skipped: ${reason}`);
    return;
  }
  using demo = new Demo(`tcptracker-test-${process.pid}`, {
    DEMO_REQUESTS: String(REQUESTS),
    DEMO_RATE: "10",
  });
  say("building the images");
  demo.compose(["build"], 1800);
  for (const image of ["agent", "demo-http-server", "demo-http-client"]) {
    const [size, base] = [sizeOf(`${IMAGES}/${image}`), sizeOf(BASE)];
    say(
      `tcptracker/${image}: ${((size - base) / MIB).toFixed(1)} MiB over ${BASE} (${(size / MIB).toFixed(0)} MiB in all)`,
    );
  }
  const started = performance.now();
  demo.compose(["up", "--detach"], 180);
  await until("the first record", 60, () => (recordsOf(demo).length > 0 ? true : undefined));
  say(`the first record came ${((performance.now() - started) / 1000).toFixed(1)} s after 'up'`);
  await checkConversation(demo);
  checkTls(demo);
  await checkFilter(demo);
  checkEnd(demo);
}

await main();
