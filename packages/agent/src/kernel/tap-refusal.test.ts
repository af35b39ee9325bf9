import { BpfError } from "@tcptracker/libbpf";
import { expect, test } from "vitest";
import { asTapError, type Surroundings } from "./tap-refusal.ts";

const refused = (operation: string, reason: string): BpfError =>
  new BpfError("ERR_BPF_PERMISSION", { operation, reason, errno: 1 });
const on = (kernelRelease: string, ...missing: string[]): Surroundings => ({ kernelRelease, missing });
const map = refused("load tcptracker", "operation not permitted (libbpf: map 'ring': failed to create)");

test("before Linux 5.11 a map that is refused is a matter of locked memory", () => {
  const { code, message } = asTapError([map], on("5.10.0-46-amd64"));
  expect(code).toBe("ERR_TAP_NOT_PERMITTED");
  expect(message).toContain("add CAP_SYS_RESOURCE or raise 'ulimit -l'");
  expect(asTapError([map], on("5.11.0")).code).toBe("ERR_TAP_NOT_SUPPORTED");
  expect(asTapError([map], on("5.10.0", "CAP_BPF")).message).toContain("run as root or with CAP_BPF");
  expect(asTapError([refused("attach to x", "no")], on("5.10.0")).code).toBe("ERR_TAP_NOT_SUPPORTED");
});

test("the last refusal counts, and all are told", () => {
  const other = new BpfError("ERR_BPF_LOAD", { operation: "load x", reason: "bad", errno: 22 });
  const error = asTapError([map, other], on("6.1.0"));
  expect(error.code).toBe("ERR_TAP_KERNEL");
  expect((error.cause as AggregateError).errors).toEqual([map, other]);
});
