import { BpfError } from "@tcptracker/libbpf";
import { ProbesError } from "@tcptracker/probes";
import { expect, test } from "vitest";
import { TapError, type TapErrorCode } from "../errors.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";

test("the codes are those of the contract", () => {
  const codes: Record<TapErrorCode, number> = {
    ERR_TAP_OPTION: 2,
    ERR_TAP_NOT_PERMITTED: 3,
    ERR_TAP_NOT_SUPPORTED: 4,
    ERR_TAP_RESOURCES: 1,
    ERR_TAP_NOT_BUILT_IN: 4,
    ERR_TAP_LAYOUT: 1,
    ERR_TAP_KERNEL: 1,
    ERR_TAP_STOPPED: 1,
    ERR_TAP_ITERATED_TWICE: 1,
  };
  for (const [code, exit] of Object.entries(codes) as [TapErrorCode, number][])
    expect([code, exitCodeOf(new TapError(code, "why"))]).toEqual([code, exit]);
});

test("errors of the bridge and of the probes have theirs", () => {
  const bpf = { operation: "load", reason: "why" };
  expect(exitCodeOf(new BpfError("ERR_BPF_PERMISSION", bpf))).toBe(3);
  expect(exitCodeOf(new BpfError("ERR_BPF_NOT_SUPPORTED", bpf))).toBe(4);
  expect(exitCodeOf(new BpfError("ERR_BPF_ADDON", bpf))).toBe(1);
  expect(exitCodeOf(new ProbesError("ERR_PROBES_ARCHITECTURE", "why"))).toBe(4);
  expect(exitCodeOf(new ProbesError("ERR_PROBES_NOT_BUILT", "why"))).toBe(1);
});

test("wrong usage is 2, anything else 1", () => {
  expect(exitCodeOf(new UsageError("why"))).toBe(2);
  expect(exitCodeOf(new Error("why"))).toBe(1);
  expect(exitCodeOf(undefined)).toBe(1);
  // Whatever has a `code` is not ours for that.
  expect(exitCodeOf(Object.assign(new Error("why"), { code: "ERR_TAP_OPTION" }))).toBe(1);
});
