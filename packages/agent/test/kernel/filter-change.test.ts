import { readdirSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { BpfMap } from "@tcptracker/libbpf";
import { expect, test, vi } from "vitest";
import { buildTraffic } from "../traffic/build.ts";
import { runTraffic } from "../traffic/program.ts";
import { expectBalance } from "./support/account.ts";
import { Collector } from "./support/collector.ts";

const OURS = `process.name == "${basename(buildTraffic()).slice(0, 15)}"`;

/** eBPF programs and maps that this process holds. */
function held(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return target.startsWith("anon_inode:bpf-") ? [target] : [];
    } catch {
      // The one that listed the directory.
      return [];
    }
  });
}

/** Runs `change` while the program arrays take so many changes and then refuse one. */
function withRefusal(after: number, change: () => void): void {
  let left = after;
  const spy = vi.spyOn(BpfMap.prototype, "setFd").mockImplementation(function (this: BpfMap, key, { fd }) {
    if (left-- === 0) throw new Error("this slot is not for you");
    this.set(key, new Uint8Array(new Int32Array([fd]).buffer));
  });
  try {
    change();
  } finally {
    spy.mockRestore();
  }
}

test("a change of the filter that fails half-way leaves the filter before in force, and nothing behind", async () => {
  await using collector = new Collector({ filter: OURS });
  const traffic = async (): Promise<readonly [number, number]> => {
    const [report] = await runTraffic(["--size", "20000"]);
    if (report === undefined) throw new Error("no report");
    return [report.client.port, report.server.port];
  };
  const before = held().toSorted();
  for (const after of [0, 1]) {
    for (const filter of ['remote.port == 1 && payload.startsWith(b"x")', "remote.port == 2", undefined]) {
      expect(() => {
        withRefusal(after, () => collector.setFilter(filter));
      }).toThrow("this slot is not for you");
    }
    expect(held().toSorted()).toEqual(before);
    expect(collector.filtersInKernel).toBe(true);
    const records = await collector.closed(...(await traffic()));
    expect(records.some(({ type }) => type === "data")).toBe(true);
  }
  collector.setFilter("remote.port == 1");
  const dropped = await traffic();
  await collector[Symbol.asyncDispose]();
  expect(collector.recordsOf(...dropped)).toEqual([]);
  expectBalance(collector.statistics());
});
