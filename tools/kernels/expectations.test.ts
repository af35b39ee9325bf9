import { expect, test } from "vitest";
import { findExclusion, transportOn, UNSUPPORTED, whyUnsupported, type ObjectSet } from "./expectations.ts";
import { KERNELS } from "./kernels.ts";

/** What there is to load, as packages/probes has it: guest/load.guest.ts asks there. */
const SETS: readonly ObjectSet[] = (["ringbuf", "perfbuf"] as const).flatMap((transport) => [
  { strategy: "fexit", transport, state: "state_btf" },
  { strategy: "kprobe", transport, state: "state_btf" },
  { strategy: "kprobe", transport, state: "state_raw" },
  { strategy: "tracepoint", transport, state: "state_btf" },
  { strategy: "tracepoint", transport, state: "state_raw" },
]);

const TARGETS = KERNELS.flatMap(({ name, architectures }) =>
  architectures.map((architecture) => ({ name, architecture })),
);

/** The sets of a strategy or, without one, all that should load on a kernel with its ring buffers or, without, perf buffers. */
function loaded(kernel: string, architecture: "amd64" | "arm64"): string[] {
  const transport = transportOn(kernel, architecture, "auto");
  return SETS.filter((set) => set.transport === transport)
    .filter((set) => findExclusion(kernel, architecture, set) === undefined)
    .map(({ strategy, state }) => `${strategy} ${state}`);
}

test("auto works on every kernel", () => {
  for (const { name, architecture } of TARGETS)
    expect(whyUnsupported(name, architecture, { strategy: "auto", transport: "auto" })).toBeUndefined();
});

test("what is not supported has a reason", () => {
  const fexit = { strategy: "fexit", transport: "ringbuf" } as const;
  expect(whyUnsupported("5.10", "amd64", fexit)).toMatch(/5\.12/);
  expect(whyUnsupported("6.1", "arm64", fexit)).toMatch(/arm64/);
  expect(whyUnsupported("6.1", "amd64", fexit)).toBeUndefined();
});

test("every set should load where nothing else is said", () => {
  const all = ["fexit state_btf", "kprobe state_btf", "kprobe state_raw"];
  const tracepoint = ["tracepoint state_btf", "tracepoint state_raw"];
  for (const kernel of ["6.1", "6.12", "6.18", "newest"])
    expect(loaded(kernel, "amd64"), kernel).toEqual([...all, ...tracepoint]);
  expect(loaded("newest", "arm64")).toEqual([...all, ...tracepoint]);
});

test("a set that is excluded leaves the pair and its other sets expected", () => {
  const tracepoint = { strategy: "tracepoint", transport: "perfbuf" } as const;
  expect(whyUnsupported("5.10", "amd64", tracepoint)).toBeUndefined();
  expect(findExclusion("5.10", "amd64", { ...tracepoint, state: "state_raw" })).toBeUndefined();
  expect(findExclusion("5.10", "amd64", { ...tracepoint, state: "state_btf" })?.reason).toMatch(/5\.11/);
});

test("where a strategy is not supported, none of its sets is, and the kernel's answer is known", () => {
  for (const { name, architecture } of TARGETS)
    for (const set of SETS)
      if (whyUnsupported(name, architecture, set) !== undefined)
        expect(findExclusion(name, architecture, set), `${name} ${architecture}`).toBeDefined();
  const fexit = { strategy: "fexit", transport: "ringbuf", state: "state_btf" } as const;
  expect(findExclusion("6.1", "arm64", fexit)?.refusal).toEqual({
    code: "ERR_BPF_NOT_SUPPORTED",
    errnoName: "ENOTSUPP",
  });
  expect(findExclusion("5.10", "amd64", fexit)).toMatchObject({ strategy: "fexit" });
  expect(findExclusion("5.10", "amd64", fexit)?.refusal).toBeUndefined();
});

test("a pair of which no set should load is excluded as a pair", () => {
  for (const { name, architecture } of TARGETS)
    for (const pair of SETS) {
      const sets = SETS.filter(
        ({ strategy, transport }) => strategy === pair.strategy && transport === pair.transport,
      );
      const some = sets.some((set) => findExclusion(name, architecture, set) === undefined);
      expect(whyUnsupported(name, architecture, pair) === undefined, `${name} ${pair.strategy}`).toBe(some);
    }
});

test("ring buffers are expected where a kernel has them", () => {
  expect(transportOn("6.1", "arm64", "auto")).toBe("ringbuf");
  expect(transportOn("5.10-noringbuf", "amd64", "auto")).toBe("perfbuf");
  expect(transportOn("6.1", "amd64", "perfbuf")).toBe("perfbuf");
});

test("every exclusion is of a kernel, an architecture of it, and a set that there are", () => {
  for (const { kernel, architecture, strategy, state } of UNSUPPORTED) {
    expect(TARGETS).toContainEqual(
      expect.objectContaining({ name: kernel, ...(architecture === undefined ? {} : { architecture }) }),
    );
    if (state !== undefined) expect(SETS).toContainEqual(expect.objectContaining({ strategy, state }));
  }
});
