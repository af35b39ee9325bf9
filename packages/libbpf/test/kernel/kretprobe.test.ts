import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { BpfError, BpfObject } from "../../src/index.ts";
import { openTracefs } from "../../src/tracefs.ts";
import { object } from "../compile.ts";
import { describeAsRoot, openDescriptors, readU64 } from "./support.ts";

const run = promisify(execFile);
const kprobes = existsSync("/sys/bus/event_source/devices/kprobe");
/** What a sleeping process waits in. */
const SLEEP = "hrtimer_nanosleep";
/** More than the default allows for on the few CPUs of a test machine. */
const SLEEPERS = 100;

function open(): BpfObject {
  const opened = BpfObject.open(object("kretprobe"), { programs: { on_return: { autoload: true } } });
  opened.load();
  return opened;
}

/** Many processes that sleep at the same time. */
async function sleep(): Promise<void> {
  await Promise.all(Array.from({ length: SLEEPERS }, () => run("sleep", ["3"])));
}

function events(): string[] {
  return readFileSync(`${openTracefs()}/kprobe_events`, "utf8")
    .split("\n")
    .filter((line) => line.includes(":libbpf_kretprobes/"));
}

function caught(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describeAsRoot("tracefs", () => {
  test("can be had without anybody seeing a mount", () => {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    expect(readdirSync(openTracefs())).toContain("events");
    const descriptors = openDescriptors();
    expect(readdirSync(openTracefs())).toContain("trace");
    expect(openDescriptors()).toBe(descriptors);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(mounts);
  });
});

describeAsRoot("return probes with maxActive", () => {
  test.skipIf(!kprobes)("no call that waits is missed", async () => {
    using opened = open();
    const before = events();
    const descriptors = openDescriptors();
    const link = opened
      .program("on_return")
      .attachKprobe({ function: SLEEP, retprobe: true, maxActive: 4096 });
    expect(link).toMatchObject({ method: "tracefs", maxActive: 4096, fallbackReason: undefined });
    expect(events().length).toBe(before.length + 1);
    await sleep();
    expect(Number(readU64(opened.readVariable("returns")))).toBeGreaterThanOrEqual(SLEEPERS);
    expect(link.missed).toBe(0);
    link.close();
    link.close();
    expect(link.missed).toBe(0);
    expect(events()).toEqual(before);
    expect(openDescriptors()).toBe(descriptors);
  });

  test.skipIf(!kprobes)("too few: missed calls are counted", async () => {
    using opened = open();
    const probe = { function: SLEEP, retprobe: true };
    const link = opened.program("on_return").attachKprobe({ ...probe, maxActive: 1 });
    const byDefault = opened.program("on_return").attachKprobe(probe);
    expect([byDefault.method, byDefault.maxActive]).toEqual(["perf_event", undefined]);
    await sleep();
    expect(Number(readU64(opened.readVariable("returns")))).toBeLessThan(SLEEPERS);
    expect(link.missed).toBeGreaterThanOrEqual(SLEEPERS - 10);
    const { missed } = byDefault;
    expect(missed === undefined || missed > 0).toBe(true);
    opened.close();
    expect(link.closed).toBe(true);
    expect(link.missed).toBeGreaterThanOrEqual(SLEEPERS - 10);
  });

  test.skipIf(!kprobes)("what a killed process leaves is removed by the next one", async () => {
    const before = events();
    const script = join(import.meta.dirname, "../children/kretprobe.ts");
    const child = spawn(process.execPath, [script, object("kretprobe"), SLEEP], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [method] = (await once(child.stdout, "data")) as [Buffer];
    expect(method.toString()).toBe("tracefs");
    using opened = open();
    const attach = (): void => {
      const probe = { function: SLEEP, retprobe: true, maxActive: 8 };
      opened.program("on_return").attachKprobe(probe).close();
    };
    // While it lives, its event stays.
    attach();
    expect(events().length).toBe(before.length + 1);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(events().length).toBe(before.length + 1);
    attach();
    expect(events()).toEqual(before);
  });

  test("a function that is not there, or no kprobes: the typed error of the way without tracefs", () => {
    using opened = open();
    const error = caught(() =>
      opened
        .program("on_return")
        .attachKprobe({ function: "no_such_function", retprobe: true, maxActive: 8 }),
    );
    expect(error).toMatchObject({ code: "ERR_BPF_ATTACH", errnoName: "ENOENT" });
    expect(error.message).toContain(kprobes ? "available_filter_functions" : "CONFIG_KPROBES");
    if (kprobes) expect(events()).toEqual([]);
  });

  test("arguments", () => {
    using opened = open();
    const code = (options: object): string =>
      caught(() =>
        opened
          .program("on_return")
          .attachKprobe({ function: SLEEP, retprobe: true, maxActive: 8, ...options }),
      ).code;
    for (const options of [
      { maxActive: 0 },
      { maxActive: 4097 },
      { maxActive: 1.5 },
      { retprobe: false },
      { offset: 4 },
      { function: "two words" },
    ]) {
      expect({ options, code: code(options) }).toEqual({ options, code: "ERR_BPF_INVALID_ARGUMENT" });
    }
  });
});
