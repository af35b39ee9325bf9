import { expect, test } from "vitest";
import { machineOf, serverFiles } from "../../test/doctor/machines.ts";
import type { PageCacheSupport } from "../kernel/page-cache.ts";
import type { IoUringSupport } from "../kernel/io-uring.ts";
import { blindSpots } from "./blind-spots.ts";
import { collectFacts } from "./collect-facts.ts";
import type { BlindSpot, BlindSpotCode, CallHook, WayReport } from "./diagnosis.ts";

function chosenWay(strategy: WayReport["strategy"], hooks: readonly CallHook[] = []): WayReport {
  return { strategy, kind: "raw", transport: "ringbuf", state: "chosen", reasons: [], hooks, compat: true };
}

function spots(
  changes: Record<string, string | undefined> = {},
  chosen: WayReport | undefined = chosenWay("tracepoint"),
  architecture = "x64",
): Partial<Record<BlindSpotCode, BlindSpot>> {
  const facts = collectFacts(machineOf({ architecture, files: serverFiles(changes) }));
  const found = blindSpots({ facts, chosen });
  expect(new Set(found.map(({ code }) => code)).size).toBe(found.length);
  return Object.fromEntries(found.map((spot) => [spot.code, spot]));
}

/** A kernel built with only these of the options. */
const builtWith = (config: string): Record<string, string | undefined> => ({
  "/proc/config.gz": undefined,
  "/boot/config-6.12.57": config,
});

test("what the kernel cannot do is no blind spot", () => {
  const bare = spots(builtWith("CONFIG_KPROBES=y\n"));
  for (const code of ["io_uring", "posix_aio", "compat32", "mptcp"] as const)
    expect(bare[code], code).toMatchObject({ state: "ok", declared: "impossible" });
  const all = spots(builtWith("CONFIG_IO_URING=y\nCONFIG_MPTCP=y\n"));
  expect(all.io_uring?.state).toBe("warning");
});

test("io_uring can be switched off, for all or for most", () => {
  const off = (value: string) => spots({ "/proc/sys/kernel/io_uring_disabled": value }).io_uring;
  expect(off("0\n")?.declared).toBe("gap");
  expect(off("1\n")?.text).toContain("io_uring_group");
  expect(off("2\n")).toMatchObject({ state: "ok", declared: "impossible" });
});

test("io_uring is seen, or not for the reason that the tap gives", () => {
  const facts = collectFacts(machineOf({ files: serverFiles({}) }));
  const look = (ioUring: IoUringSupport) =>
    blindSpots({ facts, chosen: chosenWay("tracepoint"), ioUring }).find(({ code }) => code === "io_uring");
  expect(look({ seen: true })).toMatchObject({ state: "info", declared: "gap" });
  expect(look({ seen: false, reason: "too old" })).toMatchObject({ state: "warning", declared: "gap" });
  expect(look({ seen: false, reason: "too old" })?.text).toContain("too old");
});

test("sendfile is seen but for some files, or not for the reason that the tap gives", () => {
  const facts = collectFacts(machineOf({ files: serverFiles({}) }));
  const look = (pageCache: PageCacheSupport) =>
    blindSpots({ facts, chosen: chosenWay("tracepoint"), pageCache }).find(({ code }) => code === "sendfile");
  expect(look({ seen: true })).toMatchObject({ state: "info", title: "some bytes of sendfile" });
  expect(look({ seen: false, reason: "no such pages" })).toMatchObject({ state: "warning", declared: "gap" });
  expect(look({ seen: false, reason: "no such pages" })?.text).toContain("no such pages");
});

test("MPTCP can be switched off", () => {
  expect(spots({ "/proc/sys/net/mptcp/enabled": "0" }).mptcp?.declared).toBe("impossible");
  expect(spots().mptcp?.declared).toBe("counter");
});

test("32-bit programs are no blind spot where a hook sees them, or where there are none", () => {
  expect(spots()).not.toHaveProperty("compat32");
  const unhooked = { ...chosenWay("fexit"), compat: false };
  expect(spots({}, unhooked).compat32).toMatchObject({ state: "warning", declared: "gap" });
  const arm = builtWith("CONFIG_COMPAT=y\n");
  expect(spots(arm, unhooked, "arm64").compat32?.declared).toBe("gap");
  expect(spots(builtWith(""), unhooked).compat32?.declared).toBe("impossible");
});

test("a configuration that cannot be read is no excuse", () => {
  const unknown = spots({ "/proc/config.gz": undefined });
  for (const code of ["io_uring", "posix_aio", "mptcp"] as const)
    expect(unknown[code]?.state, code).toBe("warning");
});

test("what hooks at the entry of calls do not see", () => {
  expect(spots()).not.toHaveProperty("blocked_before");
  expect(spots({}, chosenWay("fexit"))).toHaveProperty("blocked_before");
  expect(spots({}, chosenWay("kprobe"))).not.toHaveProperty("waiting_calls");
  const limited = [{ call: "read", target: "__x64_sys_read", limitation: "no tracefs" }];
  expect(spots({}, chosenWay("kprobe", limited)).waiting_calls?.state).toBe("warning");
});

test("what the kernel may skip weighs more where nothing stands by", () => {
  const hooks = [
    { call: "sendto", target: "__x64_sys_sendto" },
    { call: "preadv2", target: "__x64_sys_preadv2", unpaired: "cannot attach the program: no memory" },
  ];
  expect(spots({}, chosenWay("fexit", hooks.slice(0, 1))).missed_runs?.state).toBe("info");
  const { missed_runs } = spots({}, chosenWay("fexit", hooks));
  expect(missed_runs).toMatchObject({ state: "warning" });
  expect(missed_runs?.text).toContain("No second program stands by for preadv2:");
});

test("calls without a hook come first, by name", () => {
  const hooks = [
    { call: "sendto", target: "__x64_sys_sendto" },
    { call: "preadv2", target: "__x64_sys_preadv2", reason: "no such function" },
  ];
  const [first] = Object.values(spots({}, chosenWay("fexit", hooks)));
  expect(first).toMatchObject({ code: "missing_hooks", title: "the system calls preadv2" });
  expect(spots()).not.toHaveProperty("missing_hooks");
});
