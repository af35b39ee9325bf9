import type { BpfError } from "@tcptracker/libbpf";
import { expect, test } from "vitest";
import {
  ALL_CAPABILITIES,
  BPF_AND_PERFMON,
  machineOf,
  NO_CAPABILITIES,
  serverFiles,
  status,
  type MachineFiles,
} from "../../test/doctor/machines.ts";
import { bpfError, EPERM_ASKING, EPERM_LOADING } from "../../test/doctor/taps.ts";
import { collectFacts } from "../doctor/collect-facts.ts";
import { LAST_RESORT } from "../doctor/explain-refusal.ts";
import type { Facts } from "../doctor/facts.ts";
import { asTapError, type RefusedWay } from "./tap-refusal.ts";

const refused = (error: BpfError): RefusedWay => ({ ...LAST_RESORT, error });
function having(capabilities: string, machine: Partial<MachineFiles> = {}, seccomp = 0): Facts {
  const files = serverFiles({ "/proc/self/status": status(capabilities, capabilities, seccomp) });
  return collectFacts(machineOf({ files, ...machine }));
}
const map = bpfError("ERR_BPF_PERMISSION", "EPERM", "load tcptracker", {
  reason: "operation not permitted (libbpf: map 'ring': failed to create)",
});

test("before Linux 5.11 a map that is refused is a matter of locked memory", () => {
  const old = { release: "5.10.0-46-amd64" };
  const { code, message } = asTapError([refused(map)], having(BPF_AND_PERFMON, old));
  expect(code).toBe("ERR_TAP_NOT_PERMITTED");
  expect(message).toContain("add CAP_SYS_RESOURCE, or raise 'ulimit -l'");
  expect(asTapError([refused(map)], having(BPF_AND_PERFMON)).code).toBe("ERR_TAP_NOT_SUPPORTED");
  expect(asTapError([refused(map)], having(NO_CAPABILITIES, old)).message).toMatch(
    /not permitted to tap: the process lacks CAP_BPF and CAP_PERFMON; start it where .*CapabilityBoundingSet/,
  );
  const unlimited = having(ALL_CAPABILITIES, old);
  expect(asTapError([refused(map)], unlimited).message).not.toContain("ulimit");
  const filtered = asTapError([refused(EPERM_ASKING)], having(BPF_AND_PERFMON, old, 2));
  expect(filtered.message).toMatch(/locked memory.*; or the seccomp filter that is in force refuses bpf/);
  const limits = { "/proc/self/limits": "Max locked memory  unlimited  unlimited  bytes\n" };
  const files = serverFiles({ "/proc/self/status": status(BPF_AND_PERFMON), ...limits });
  const generous = asTapError([refused(map)], collectFacts(machineOf({ ...old, files })));
  expect(generous.message).not.toContain("ulimit");
  const attaching = bpfError("ERR_BPF_PERMISSION", "EPERM", "attach to x");
  expect(asTapError([refused(attaching)], having(BPF_AND_PERFMON, old)).code).toBe("ERR_TAP_NOT_SUPPORTED");
});

test("all capabilities, and yet a matter of rights: a user namespace, a seccomp filter, locked memory", () => {
  const links = { "/proc/self/ns/user": "user:[4026532281]" };
  const apart = asTapError([refused(EPERM_ASKING)], having(BPF_AND_PERFMON, { links }));
  expect([apart.code, apart.message]).toEqual([
    "ERR_TAP_NOT_PERMITTED",
    expect.stringMatching(/in a user namespace of its own, .*; run it in the first user namespace/),
  ]);
  const notKnown = bpfError("ERR_BPF_NOT_SUPPORTED", "ENOSYS", EPERM_ASKING.operation);
  for (const error of [EPERM_ASKING, notKnown]) {
    const { code, message } = asTapError([refused(error)], having(BPF_AND_PERFMON, {}, 2));
    expect([code, message]).toEqual([
      "ERR_TAP_NOT_PERMITTED",
      expect.stringMatching(/seccomp filter is in force, .* bpf; start it with a seccomp profile/),
    ]);
    expect(message).toContain(error.errnoName);
    expect(asTapError([refused(error)], having(BPF_AND_PERFMON)).code).toBe("ERR_TAP_NOT_SUPPORTED");
  }
  const reason = "cannot map a perf buffer into memory";
  const locked = bpfError("ERR_BPF_PERMISSION", "EPERM", "read a perf buffer", { reason });
  const tooLarge = asTapError([refused(locked)], having(BPF_AND_PERFMON));
  expect([tooLarge.code, tooLarge.message]).toEqual([
    "ERR_TAP_NOT_PERMITTED",
    expect.stringMatching(/more memory than the process may lock; add CAP_IPC_LOCK, .*--buffer-size/),
  ]);
});

test("the hint of the bridge, which knows less, is left out", () => {
  const error = bpfError("ERR_BPF_PERMISSION", "EPERM", "load tcptracker", { hint: "Ask somebody" });
  const { code, message } = asTapError([refused(error)], having(BPF_AND_PERFMON));
  expect(code).toBe("ERR_TAP_NOT_SUPPORTED");
  expect(message).toMatch(
    /the kernel refuses tracepoint programs.* \(cannot load tcptracker: because \[EPERM\]\)$/,
  );
});

test("too few open files", () => {
  const error = bpfError("ERR_BPF_READER", "EMFILE", "read a ring buffer");
  const limits = "Max open files            64                   64                   files     \n";
  const files = serverFiles({ "/proc/self/limits": limits });
  const { code, message } = asTapError([refused(error)], collectFacts(machineOf({ files })));
  expect(code).toBe("ERR_TAP_RESOURCES");
  expect(message).toMatch(/may have 64 files open .*; raise 'ulimit -n' .*LimitNOFILE/);
});

test("the last refusal counts, and all are told", () => {
  const other = bpfError("ERR_BPF_LOAD", "EINVAL");
  const error = asTapError([refused(EPERM_LOADING), refused(other)], having(BPF_AND_PERFMON));
  expect([error.code, error.message]).toEqual(["ERR_TAP_KERNEL", expect.stringContaining(other.message)]);
  expect((error.cause as AggregateError).errors).toEqual([EPERM_LOADING, other]);
  expect(asTapError([], having(BPF_AND_PERFMON)).message).toContain("no programs of the kind");
});
