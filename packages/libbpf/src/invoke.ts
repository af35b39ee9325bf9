import { readFileSync } from "node:fs";

import { addon } from "./addon.ts";
import { EACCES, EBUSY, ENOMEM, ENOSYS, ENOTSUPP, EOPNOTSUPP, EPERM, errnoText } from "./errno.ts";
import { BpfError, type BpfErrorCode } from "./errors.ts";
import { deliver } from "./logger.ts";
import type { Native, NativeFailure } from "./native.ts";
import { findReport } from "./verifier.ts";

const CAP_SYS_ADMIN = 21n;
const CAP_PERFMON = 38n;
const CAP_BPF = 39n;

function hasCapabilities(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (effective === undefined) return false;
    const has = (bit: bigint): boolean => ((BigInt(`0x${effective}`) >> bit) & 1n) === 1n;
    return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON));
  } catch {
    return false;
  }
}

/** What to do about EPERM depends on whether capabilities are what is missing. */
export function permissionHint(): string {
  return hasCapabilities()
    ? "The process has the capabilities, so something else refuses this (a user namespace of its own, seccomp, locked " +
        "memory, lockdown, a security module, or a kernel built without it)"
    : "Run as root, or give the process CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)";
}

/** What native code has thrown; undefined when it was something else than it or the standard library of C++. */
function failureOf(error: unknown): NativeFailure | undefined {
  if (error instanceof Error && error.message === "std::bad_alloc")
    return { errno: ENOMEM, text: "there is not enough memory for what was asked for", stale: false };
  return isFailure(error) ? error : undefined;
}

function isFailure(error: unknown): error is NativeFailure {
  return (
    typeof error === "object" && error !== null && "errno" in error && "stale" in error && "text" in error
  );
}

function codeOf(fallback: BpfErrorCode, failure: NativeFailure): BpfErrorCode {
  if (failure.stale) return "ERR_BPF_CLOSED";
  switch (failure.errno) {
    case EBUSY:
      return fallback === "ERR_BPF_READER" ? "ERR_BPF_INVALID_STATE" : fallback;
    case EPERM:
      return "ERR_BPF_PERMISSION";
    case ENOTSUPP:
    case EOPNOTSUPP:
    case ENOSYS:
      return "ERR_BPF_NOT_SUPPORTED";
    default:
      return fallback;
  }
}

/** Builds the error for a native failure, given what libbpf printed. */
export function toBpfError(
  operation: string,
  fallback: BpfErrorCode,
  failure: NativeFailure,
  printed: string,
  hint?: string,
): BpfError {
  const report = findReport(printed);
  let code = codeOf(fallback, failure);
  if (code === fallback && report !== undefined && report.summary !== "") code = "ERR_BPF_VERIFIER";
  const said = firstLine(printed);
  const reason = [failure.text === "" ? errnoText(failure.errno) : failure.text];
  if (code === "ERR_BPF_VERIFIER" && report !== undefined) {
    reason[0] = `the verifier refuses program ${report.program}:\n${report.summary}\n`;
  } else if (said !== undefined) {
    reason.push(`(libbpf: ${said})`);
  }
  const permission = failure.errno === EPERM || (failure.errno === EACCES && code === fallback);
  return new BpfError(code, {
    operation,
    reason: reason.join(" "),
    errno: failure.errno,
    hint: permission ? permissionHint() : hint,
    verifier: report,
    log: printed,
  });
}

/** The first line is the specific one; what follows says which larger step failed because of it. */
function firstLine(printed: string): string | undefined {
  const lines = printed.split("\n").filter((line) => line.startsWith("libbpf: "));
  return lines.find((line) => !line.includes("-- BEGIN PROG LOAD LOG"))?.slice("libbpf: ".length);
}

/**
 * Runs a native call in which libbpf may print: hands what it printed to the logger, and turns a failure into a
 * BpfError whose code is `fallback` unless the errno says something more precise.
 */
export function invoke<T>(
  operation: string,
  fallback: BpfErrorCode,
  action: (native: Native) => T,
  hint?: string,
): T {
  const native = addon();
  try {
    return action(native);
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    throw toBpfError(operation, fallback, failure, deliver(native), hint);
  } finally {
    deliver(native);
  }
}

/** The same for calls that go straight to the kernel, where the log need not be looked at: map elements, readers. */
export function invokeQuiet<T>(operation: string, fallback: BpfErrorCode, action: (native: Native) => T): T {
  try {
    return action(addon());
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    throw toBpfError(operation, fallback, failure, "");
  }
}
