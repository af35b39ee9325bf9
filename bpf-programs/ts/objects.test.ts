import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  isFileHook,
  MAPS,
  probeObject,
  ProbesError,
  stageProgramsOf,
  type AttachStrategy,
  type Transport,
} from "./index.ts";

const CHOICES = (["x64", "arm64"] as const).flatMap((architecture) =>
  (["ringbuf", "perfbuf"] as const satisfies Transport[]).flatMap((transport) =>
    (["fexit", "kprobe", "tracepoint"] as const satisfies AttachStrategy[]).flatMap((strategy) =>
      (strategy === "fexit" ? [true] : [true, false]).map((atomics) => ({
        architecture,
        transport,
        strategy,
        atomics,
      })),
    ),
  ),
);

test.each(CHOICES)(
  "the $architecture object of $strategy, $transport, atomics $atomics has all that it is said to have",
  (choice) => {
    const { path, programSets, identify, locatePages, ioUring } = probeObject(choice);
    const { fileStages, ioUringStages, ...maps } = MAPS;
    const elf = readFileSync(path);
    expect(elf.subarray(0, 4).toString("latin1")).toBe("\x7fELF");
    const shared = choice.architecture === "x64" ? "ia32" : "arm64";
    const programs = programSets.flatMap((set) => [
      set.hooks.endsWith("_") ? `${set.hooks}sendto` : set.hooks,
      ...(set.compatHooks === undefined ? [] : [`${set.compatHooks}${shared}_compat_sys_recvmsg`]),
      ...stageProgramsOf(set),
      set.sendFile,
      set.state,
      set.destroy,
    ]);
    expect(ioUring !== undefined).toBe(choice.atomics);
    const names = [...programs, identify, locatePages, ...Object.values(maps)];
    if (choice.strategy === "fexit") names.push(fileStages);
    if (ioUring !== undefined) {
      const { stages, ...hooks } = ioUring;
      names.push(...Object.values(hooks), ...Object.values(stages), ioUringStages);
    }
    for (const name of names) expect(elf.includes(`\0${name}\0`), name).toBe(true);
  },
);

test("the calls on files are known by the names of their functions", () => {
  const files = [
    "__x64_sys_read",
    "__arm64_sys_writev",
    "__x64_sys_preadv2",
    "__ia32_compat_sys_pwritev64v2",
  ];
  const sockets = ["__x64_sys_recvfrom", "__ia32_compat_sys_recvmmsg_time64", "__x64_sys_shutdown"];
  for (const name of [...files, "__x64_sys_sendfile64", "__x64_sys_splice"])
    expect(isFileHook(name), name).toBe(true);
  for (const name of [...sockets, "__x64_sys_sendmsg"]) expect(isFileHook(name), name).toBe(false);
});

const CHOICE = { strategy: "tracepoint", transport: "ringbuf", atomics: true } as const;

test("a combination without an object is refused by name", () => {
  expect(() => probeObject({ ...CHOICE, strategy: "fexit", atomics: false })).toThrow(
    expect.objectContaining({
      code: "ERR_PROBES_STRATEGY",
      message: expect.stringContaining("fexit") as string,
    }),
  );
});

test("an architecture without programs is refused by name", () => {
  expect(() => probeObject({ ...CHOICE, architecture: "riscv64" })).toThrow(ProbesError);
  expect(() => probeObject({ ...CHOICE, architecture: "riscv64" })).toThrow("riscv64");
});
