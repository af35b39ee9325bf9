// `npm run demo`: starts the demo HTTP server and client, taps them, prints what they say to each other, and at the
// end holds what the tap saw against what the client did.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, styleText } from "node:util";
import type { Paint } from "@tcptracker/agent";
import type { TapRecord } from "@tcptracker/events";

const root = dirname(import.meta.dirname);

function say(text: string): void {
  console.error(`demo: ${text}`);
}

function fail(text: string, code: number): never {
  say(text);
  process.exit(code);
}

function parseCommandLine(): { duration: string | undefined; rate: string } {
  try {
    const { values } = parseArgs({
      options: { duration: { type: "string" }, rate: { type: "string", default: "4" } },
    });
    return { duration: values.duration, rate: values.rate };
  } catch (error) {
    fail(
      `${error instanceof Error ? error.message : String(error)}; there are --duration 5s and --rate N`,
      2,
    );
  }
}

function build(): void {
  say("building");
  const { status, error, stdout, stderr } = spawnSync("nx", ["run-many", "-t", "build", "compile"], {
    cwd: root,
    encoding: "utf8",
  });
  if (error !== undefined) fail(`cannot run nx: ${error.message}; start the demo with 'npm run demo'`, 1);
  if (status !== 0) fail(`the build failed\n${stdout}${stderr}`, 1);
}

interface Program {
  readonly process: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

function start(name: string, args: readonly string[]): Program {
  const launcher = join(root, `packages/${name}/bin/tcptracker-${name}.js`);
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function lastLine(lines: AsyncIterator<string>): Promise<string> {
  let last = "";
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) last = line.value;
  return last;
}

/** The addresses that the server says it listens on: one for each family. */
async function readUrls({ lines }: Program): Promise<string[]> {
  const urls: string[] = [];
  while (urls.length < 2) {
    const line = await lines.next();
    if (line.done === true) fail("the demo server did not start", 1);
    const url = /^listening on (http:\S+)$/.exec(line.value)?.[1];
    if (url !== undefined) urls.push(url);
  }
  return urls;
}

const { duration, rate } = parseCommandLine();
if (process.getuid?.() !== 0) say("tapping needs root, or CAP_BPF and CAP_PERFMON; trying all the same");
build();
// Only now is there something to import.
const { formatRecord, Tap } = await import("@tcptracker/agent");
const { RequestCounter } = await import("./demo/request-counter.ts");

const server = start("demo-http-server", ["--ipv6"]);
const urls = await readUrls(server);
let tap: ReturnType<typeof Tap.start>;
try {
  tap = Tap.start();
} catch (error) {
  server.process.kill();
  fail(error instanceof Error ? error.message : String(error), 3);
}
say(`tapping ${urls.join(" and ")}; ${duration === undefined ? "Ctrl-C stops" : `ends after ${duration}`}`);
const client = start("demo-http-client", [
  ...urls.flatMap((url) => ["--url", url]),
  "--rate",
  rate,
  ...(duration === undefined ? [] : ["--duration", duration]),
]);
const summary = lastLine(client.lines);
const ended = Promise.all([once(client.process, "exit"), summary]);
// Ctrl-C reaches the client too, and the end of the client ends the demo.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => client.process.kill("SIGTERM"));
void ended.then(async () => {
  server.process.kill("SIGTERM");
  await once(server.process, "exit");
  await tap.stop();
});

const tapped = new Map([
  [client.process.pid, new RequestCounter("egress")],
  [server.process.pid, new RequestCounter("ingress")],
]);

const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

function show(record: TapRecord): void {
  const counter = tapped.get(record.process.pid);
  if (counter === undefined) return;
  console.log(formatRecord(record, paint));
  counter.add(record);
}

for await (const record of tap) show(record);
const [[code]] = (await ended) as [[number | null], string];
const made = (JSON.parse(await summary) as { requests: number }).requests;
const [sent, received] = await Promise.all(Array.from(tapped.values(), (counter) => counter.finish()));
say(`requests made by the client:              ${made}`);
say(`requests seen by the tap, client's side:  ${sent}`);
say(`requests seen by the tap, server's side:  ${received}`);
if (code !== 0) fail(`the client ended with exit code ${code}`, 1);
if (made !== sent || made !== received) fail("the numbers differ: that is a bug, please report it", 1);
