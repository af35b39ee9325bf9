import { execFile, execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";

import { expect, test } from "vitest";

import { objects } from "../compile.ts";
import { describeAsRoot, openDescriptors, until } from "./support.ts";

const children = join(import.meta.dirname, "../children");
const run = promisify(execFile);

/** Ids of the programs the kernel has now. */
function programIds(): Set<number> {
  const listed: unknown = JSON.parse(execFileSync("bpftool", ["-j", "prog", "list"], { encoding: "utf8" }));
  if (!Array.isArray(listed)) throw new Error("bpftool printed no list");
  return new Set(listed.map((program: { id: number }) => program.id));
}

describeAsRoot("the end of a process", () => {
  test.each([
    ["return", 0],
    ["exit", 0],
    ["exit-in-callback", 0],
    ["exit-in-perf-callback", 0],
    ["close-then-return", 0],
    ["survive-throw", 0],
    ["throw-in-callback", 1],
    ["sigkill", null],
  ])("%s while everything is open", async (how, status) => {
    const child = spawnSync(process.execPath, [join(children, "exit.ts"), how, objects], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect({ how, status: child.status, stderr: status === 0 ? child.stderr : "" }).toEqual({
      how,
      status,
      stderr: "",
    });
    if (how === "throw-in-callback") expect(child.stderr).toContain("uncaught on purpose");
    const ids = JSON.parse(child.stdout) as number[];
    expect(ids.length).toBeGreaterThan(4);
    // The kernel frees programs a moment after the last reference.
    await until(() => {
      const present = programIds();
      return ids.every((id) => !present.has(id));
    }, "its programs are gone from the kernel");
  });
});

describeAsRoot("garbage collection", () => {
  test("in any order", async () => {
    const { stdout } = await run(process.execPath, ["--expose-gc", join(children, "collect.ts"), objects]);
    expect(stdout.trim()).toBe("collected");
  });
});

describeAsRoot("worker threads", () => {
  async function start(how: "close" | "exit" | "stay"): Promise<Worker> {
    const worker = new Worker(join(children, "worker.ts"), {
      workerData: { how, folder: objects },
      execArgv: [],
    });
    await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    return worker;
  }
  const ended = (worker: Worker): Promise<unknown> =>
    worker.threadId === -1 ? Promise.resolve() : new Promise((resolve) => worker.once("exit", resolve));

  test("many at once, ending in every way, leave nothing behind", async () => {
    await (await start("stay")).terminate();
    const before = openDescriptors();
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const how = (["close", "exit", "stay"] as const)[index % 3] ?? "close";
          const worker = await start(how);
          if (how === "stay") await worker.terminate();
          else await ended(worker);
        }),
      );
    }
    await until(() => openDescriptors() === before, "every descriptor is closed");
  });

  test("terminated at any moment", async () => {
    const started = performance.now();
    await (await start("stay")).terminate();
    const whole = performance.now() - started;
    const before = openDescriptors();
    const times = 40;
    for (let i = 0; i < times; i++) {
      const worker = new Worker(join(children, "worker.ts"), {
        workerData: { how: "stay", folder: objects },
      });
      // From "not started yet" to "everything open and records flowing", in equal steps.
      const moment = performance.now() + (whole * 1.2 * i) / times;
      await until(() => performance.now() >= moment, "the moment has come");
      await worker.terminate();
    }
    await until(() => openDescriptors() === before, "every descriptor is closed");
  });

  test("terminated inside native calls", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    // In a process of its own: what this is about would end the one that runs the tests.
    const child = spawnSync(
      process.execPath,
      [join(children, "terminate.ts"), "100", String(seed), objects],
      { encoding: "utf8", timeout: 50_000 },
    );
    const { status, signal, stderr } = child;
    expect({ seed, status, signal, stderr }).toEqual({ seed, status: 0, signal: null, stderr: "" });
    const { before, after } = JSON.parse(child.stdout) as { before: number; after: number };
    expect({ seed, descriptors: after }).toEqual({ seed, descriptors: before });
  });
});
