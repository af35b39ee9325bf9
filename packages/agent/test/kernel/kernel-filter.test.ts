import { COUNTER, STAGE } from "@tcptracker/events";
import { compile, whyUnfit, type KernelExpression } from "@tcptracker/filter";
import { BpfError, BpfObject } from "@tcptracker/libbpf";
import { MAPS, probeObject, stageProgramsOf, type ObjectChoice, type ProgramSet } from "@tcptracker/probes";
import { expect, test } from "vitest";
import { KernelFilter } from "../../src/filter/kernel-filter.ts";
import { changeSlots } from "../../src/filter/slots.ts";
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
    changeSlots([], filter.slots, () => undefined);
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

/** One with every kind of instruction and map. */
function everything(): KernelExpression {
  const list = (count: number, write: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => write(index)).join(", ");
  const { kernel } = compile(
    `remote.address.in([${list(50, (i) => `"10.${i}.0.0/16"`)}]) && !local.address.in("10.0.0.0/9") && ` +
      `process.name in [${list(9, (i) => `"name${i}"`)}] && (size in [${list(20, String)}] || process.name.contains("ab")) && ` +
      'process.pid != process.tid && (payload.startsWith(b"GET /api/v1/records") || offset < 2)',
    { unfit: whyUnfit },
  );
  if (kernel === undefined) throw new Error("the kernel decides nothing");
  return kernel;
}

/** Loads the stages of a set, without attaching anything, and a filter between them. */
function loadFilter(choice: ObjectChoice, set: ProgramSet): void {
  const { path, ioUring } = probeObject(choice);
  const object = BpfObject.open(path);
  try {
    const stages = [...stageProgramsOf(set), ...Object.values(ioUring?.stages ?? {})];
    for (const program of object.programs.values()) program.autoload = stages.includes(program.name);
    object.load();
    const arrays = [
      { map: MAPS.stages, emit: set.stages.emit },
      ...(ioUring === undefined ? [] : [{ map: MAPS.ioUringStages, emit: ioUring.stages.emit }]),
    ];
    // The first program of an array decides what the others have to be.
    for (const { map, emit } of arrays) object.map(map).setFd(STAGE.emit, object.program(emit));
    using filter = new KernelFilter(object, arrays, everything(), 3);
    changeSlots([], filter.slots, () => undefined);
  } finally {
    object.close();
  }
}

for (const strategy of ["tracepoint", "kprobe"] as const)
  for (const atomics of [true, false])
    for (const set of probeObject({ strategy, transport: "ringbuf", atomics }).programSets)
      test(`a filter's programs go with those of ${strategy}, ${set.kind}, ${set.state}, atomics ${atomics}`, (context) => {
        try {
          loadFilter({ strategy, transport: "ringbuf", atomics }, set);
        } catch (error) {
          if (strategy !== "kprobe" || !(error instanceof BpfError) || error.verifier !== undefined)
            throw error;
          context.skip(`this kernel has no programs for kprobes: ${error.message}`);
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
