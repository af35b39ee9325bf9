import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Containers } from "@tcptracker/containers";
import { BpfError, BpfLink, BpfMap, BpfProgram } from "@tcptracker/libbpf";
import { Tap, TapError } from "../../src/index.ts";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { request, run, startPython, startServer, type Listening } from "./support/http.ts";
import { recordsOf } from "./support/tiling.ts";
import { until, within } from "./support/until.ts";

let python: Listening & { pid: number };
beforeAll(async () => {
  python = await startPython(import.meta.dirname);
});
afterAll(() => python[Symbol.asyncDispose]());
afterEach(() => {
  vi.restoreAllMocks();
});

/** A request by a process that the taps here do not belong to. */
async function curl(path: string, port = python.port): Promise<void> {
  await run("curl", [
    "--silent",
    "--noproxy",
    "*",
    "--output",
    "/dev/null",
    `http://127.0.0.1:${port}${path}`,
  ]);
}

function paths(records: readonly TapRecord[]): string[] {
  return recordsOf(records, { remote: python.port }).flatMap((record) => {
    if (record.type !== "data" || record.direction !== "egress") return [];
    return /^GET (\S+)/.exec(Buffer.from(record.payload ?? []).toString())?.slice(1) ?? [];
  });
}

async function collect(tap: Tap): Promise<TapRecord[]> {
  const records: TapRecord[] = [];
  for await (const record of tap) records.push(record);
  return records;
}

test("a tap gives every record until it is stopped, and then ends", async () => {
  const tap = Tap.start();
  expect(tap.attachedAs).toMatch(/^(fexit|kprobe|tracepoint) \((typed|raw) programs, (ringbuf|perfbuf)\)$/);
  expect(tap.options).toMatchObject({ attach: "auto", snaplen: 262144 });
  const collected = collect(tap);
  for (const path of ["/1", "/2", "/3"]) await curl(path);
  await tap.stop();
  const records = await within("the iteration ends", collected);
  expect(paths(records)).toEqual(["/1", "/2", "/3"]);

  const { records: count, decodeErrors, counters } = tap.statistics();
  expect(count).toBe(records.length);
  expect(decodeErrors).toBe(0);
  expect(counters.calls).toBeGreaterThanOrEqual(6n);
  expect(counters.delivered_bytes + counters.gap_bytes).toBe(counters.egress_bytes + counters.ingress_bytes);
});

test("records from before the iteration began are not lost", async () => {
  await using tap = Tap.start();
  await curl("/early");
  await tap.stop();
  expect(paths(await within("the iteration ends", collect(tap)))).toEqual(["/early"]);
});

test("stopping from inside the iteration, and again", async () => {
  await using tap = Tap.start();
  const seen: TapRecord[] = [];
  const consumed = (async () => {
    for await (const record of tap) {
      seen.push(record);
      if (paths([record]).includes("/enough")) void tap.stop();
    }
  })();
  await curl("/enough");
  await within("the iteration ends", consumed);
  expect(paths(seen)).toEqual(["/enough"]);
  const final = tap.statistics();
  await Promise.all([tap.stop(), tap.stop()]);
  await curl("/after-the-end");
  expect(tap.statistics()).toEqual(final);
});

test("what probes have missed is known when the tap has stopped", async () => {
  // This kernel may have no kprobes, which are the only links that miss anything.
  vi.spyOn(BpfLink.prototype, "missed", "get").mockReturnValue(7);
  await using tap = Tap.start();
  const { missedRuns } = tap.statistics();
  expect(missedRuns).toBeGreaterThan(0);
  await tap.stop();
  expect(tap.statistics().missedRuns).toBeGreaterThanOrEqual(missedRuns);
});

test("a tap that cannot be attached lets go of the containers that its filter follows", async () => {
  using containers = await Containers.start();
  let followed = 0;
  const follow = containers.follow.bind(containers);
  const spy = vi.spyOn(containers, "follow").mockImplementation((...args) => {
    const stop = follow(...args);
    followed++;
    return () => {
      followed--;
      stop();
    };
  });
  const attach = vi.spyOn(BpfProgram.prototype, "attach").mockImplementation(() => {
    throw new BpfError("ERR_BPF_ATTACH", { operation: "attach", reason: "made up", errno: 7 });
  });
  expect(() => Tap.start({ filter: 'container.name == "x"', containers })).toThrow(TapError);
  expect(attach).toHaveBeenCalled();
  expect(spy).toHaveBeenCalled();
  expect(followed).toBe(0);
});

test("a map that cannot be read while it runs ends the iteration with the error", async () => {
  await using tap = Tap.start();
  const collected = collect(tap);
  vi.spyOn(BpfMap.prototype, "getPerCpu").mockImplementation(() => {
    throw new BpfError("ERR_BPF_MAP", { operation: "read map counters", reason: "made up", errno: 12 });
  });
  await expect(within("the iteration ends", collected)).rejects.toThrow("made up");
  vi.restoreAllMocks();
});

test("a tap can be iterated once", async () => {
  await using tap = Tap.start();
  tap.batches();
  expect(() => tap.batches()).toThrow(expect.objectContaining({ code: "ERR_TAP_ITERATED_TWICE" }));
  await expect(collect(tap)).rejects.toThrow(TapError);
});

test("its own traffic is not there, only what the other side makes of it", async () => {
  await using own = await startServer();
  await using tap = Tap.start();
  await request(python.port, "/by-the-tapping-process");
  await curl("/to-the-tapping-process", own.port);
  await tap.stop();
  const records = await collect(tap);
  const served = recordsOf(records, { local: python.port });
  const asked = recordsOf(records, { remote: own.port });
  expect(new Set(served.map(({ process: { pid } }) => pid))).toEqual(new Set([python.pid]));
  expect(asked.map(({ process: { name } }) => name)).toContain("curl");
  expect(records.filter(({ process: { pid } }) => pid === process.pid)).toEqual([]);
});

test("two taps at the same time see the same, each with its own numbers and options", async () => {
  await using whole = Tap.start();
  await using short = Tap.start({ snaplen: 5 });
  await curl("/both");
  await short.stop();
  await whole.stop();
  const [all, starts] = [await collect(whole), await collect(short)].map((records) =>
    recordsOf(records, { remote: python.port }),
  ) as [TapRecord[], TapRecord[]];
  expect(paths(all)).toEqual(["/both"]);
  expect(paths(starts)).toEqual(["/"]);
  expect(starts.filter(({ type }) => type === "gap").length).toBeGreaterThan(0);
  expect(all.filter(({ type }) => type === "gap")).toEqual([]);
  expect(all[0]?.local).toEqual(starts[0]?.local);
  expect(all[0]?.connection.id).not.toBe(starts[0]?.connection.id);
});

test("a tap in a worker thread", async () => {
  const worker = new Worker(new URL("support/tap-worker.ts", import.meta.url), {
    workerData: { port: python.port },
    execArgv: ["--conditions=@tcptracker/source"],
  });
  const messages: unknown[] = [];
  worker.on("message", (message: unknown) => messages.push(message));
  const exited = once(worker, "exit");
  try {
    await until("the worker taps", () => messages.includes("tapping"));
    await curl("/worker");
    await curl("/stop");
    expect(await within("the worker ends", exited)).toEqual([0]);
    expect(messages).toEqual(["tapping", ["/worker"]]);
  } finally {
    await worker.terminate();
  }
});

test("options out of range are refused before anything is loaded", () => {
  expect(() => Tap.start({ snaplen: -1 })).toThrow(expect.objectContaining({ code: "ERR_TAP_OPTION" }));
});

test("a tap that nobody reads holds a bounded number of records", async () => {
  await using tap = Tap.start({ snaplen: 0 });
  // Each request is about ten records; a tap queues some 16,000 and leaves the rest to the kernel's buffer.
  await curl("/[1-40]");
  await until("the records arrive", () => tap.statistics().records >= 100);
  await tap.stop();
  expect((await collect(tap)).length).toBe(tap.statistics().records);
});
