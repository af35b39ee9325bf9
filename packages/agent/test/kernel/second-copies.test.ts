// Where a kernel preempts programs, each hook is attached twice (turns.bpf.h). This kernel need not: both copies then run for each call.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { catalog } from "../traffic/catalog.ts";
import { expectBalance, expectCloses } from "./support/account.ts";
import { Collector } from "./support/collector.ts";
import { checkScenario } from "./support/scenario.ts";

let collector: Collector;

beforeAll(() => {
  collector = new Collector({ secondCopies: "always" });
});

afterAll(async () => {
  await collector[Symbol.asyncDispose]();
});

// Each thread's first call tells whether the copies run in the order that they rely on.
for (const name of ["threads pwritev2 preadv2 65536", "pair sendmmsg recvmmsg 65536 300 segments"])
  test(`no call comes twice: ${name}`, async () => {
    const scenario = catalog.find((one) => one.name === name);
    if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
    await checkScenario(scenario, collector);
  });

test("no call comes twice: each thread's first one", async () => {
  const threads = 200;
  let received = 0;
  const server = createServer((socket) => {
    socket.on("data", (bytes) => (received += bytes.length));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  // A child that sends one byte on its parent's connection.
  const script = `exec 3<>"/dev/tcp/127.0.0.1/$0"; for n in {1..${threads}}; do (printf x >&3); done`;
  const child = spawn("bash", ["-c", script, `${port}`], { stdio: "inherit" });
  const [status] = (await once(child, "exit")) as [number | null];
  expect(status).toBe(0);
  const close = await collector.until(
    () => collector.all().find(({ type, remote }) => type === "close" && remote.port === port),
    "the end of the connection",
  );
  server.close();
  expect(received).toBe(threads);
  expect(close).toMatchObject({ egress: { bytes: BigInt(threads) } });
});

test("calls that fail are counted once", async () => {
  const attempts = 400;
  const refused = `for n in {1..${attempts}}; do : <"/dev/tcp/127.0.0.1/$0"; done 2>/dev/null; true`;
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  const failed = (): bigint => collector.statistics().counters.connect_failed;
  const before = failed();
  execFileSync("bash", ["-c", refused, `${port}`]);
  expect(failed() - before).toBeGreaterThanOrEqual(attempts);
  // Others on this machine may be refused, too.
  expect(failed() - before).toBeLessThan(1.5 * attempts);
});

test("nothing was lost in silence", async () => {
  await collector[Symbol.asyncDispose]();
  const statistics = collector.statistics();
  expectBalance(statistics);
  expectCloses(collector);
  expect(statistics.counters.implausible).toBe(0n);
});
