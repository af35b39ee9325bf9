import { COUNTER } from "@tcptracker/events";
import type { KernelExpression } from "@tcptracker/filter";
import type { BpfObject } from "@tcptracker/libbpf";
import { MAPS } from "@tcptracker/probes";
import { expect, test } from "vitest";
import { KernelFilter } from "../../src/filter/kernel-filter.ts";
import { explainFilter } from "../../src/index.ts";
import { attach } from "../../src/kernel/attachment.ts";
import { candidatesFor } from "../../src/kernel/candidates.ts";
import { resolveOptions } from "../../src/options.ts";
import { runTraffic } from "../traffic/program.ts";
import { Collector } from "./support/collector.ts";
import { CHOICE } from "./support/environment.ts";

function counter(object: BpfObject, name: keyof typeof COUNTER): bigint {
  let sum = 0n;
  for (const value of object.map(MAPS.counters).getPerCpu(COUNTER[name]) ?? [])
    sum += new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
  return sum;
}

/** The cgroup that the traffic generator runs in. */
async function cgroupOfTraffic(): Promise<bigint> {
  await using collector = new Collector();
  const [report] = await runTraffic(["--size", "1000"]);
  if (report === undefined) throw new Error("no report");
  const [record] = await collector.closed(report.client.port, report.server.port);
  return record?.cgroup?.id ?? 0n;
}

test("a set of cgroups changes while the filter runs", async () => {
  const cgroup = await cgroupOfTraffic();
  const options = resolveOptions(CHOICE);
  const span = { from: 0, to: 1 };
  const expression: KernelExpression = { op: "inSet", set: "web", field: "cgroup", span };
  let filter: KernelFilter | undefined;
  const { object, links } = firstThatAttaches((target) => {
    filter = new KernelFilter(target.object, target.arrays, expression, 9);
    filter.install();
    target.object.writeVariable("filter_generation", filter.generation);
  });
  if (filter === undefined) throw new Error("nothing was prepared");
  try {
    const send = async (): Promise<{ readonly kept: bigint; readonly filtered: bigint }> => {
      const [kept, filtered] = [counter(object, "delivered_bytes"), counter(object, "filtered_bytes")];
      await runTraffic(["--size", "100000"]);
      return {
        kept: counter(object, "delivered_bytes") - kept,
        filtered: counter(object, "filtered_bytes") - filtered,
      };
    };
    const outside = await send();
    expect(outside.filtered).toBeGreaterThanOrEqual(400_000n);
    filter.setMembers("web", [1n << 60n, cgroup]);
    const inside = await send();
    expect(inside.kept).toBeGreaterThanOrEqual(400_000n);
    filter.setMembers("web", [1n << 60n]);
    const again = await send();
    expect(again.filtered).toBeGreaterThanOrEqual(400_000n);
    expect(again.kept).toBeLessThan(400_000n);
  } finally {
    for (const link of links) link.close();
    filter.close();
    object.close();
  }

  function firstThatAttaches(prepare: Parameters<typeof attach>[2]): ReturnType<typeof attach> {
    const refusals: unknown[] = [];
    for (const candidate of candidatesFor(options)) {
      try {
        return attach(candidate, options, prepare);
      } catch (error) {
        refusals.push(error);
      }
    }
    throw new AggregateError(refusals, "nothing attaches");
  }
});

test("a filter is measured in the kernel", () => {
  const { measured } = explainFilter('remote.port == 80 && payload.startsWith(b"GET ")', 262_144);
  if (measured === undefined || "reason" in measured) {
    // Before Linux 6.10, programs of the type that is repeated may not ask for the current thread.
    expect(measured?.reason).toContain("does not run it for a measurement");
    return;
  }
  expect(measured.firstCallNs).toBeGreaterThan(0);
  expect(measured.laterCallsNs).toBeGreaterThan(0);
});
