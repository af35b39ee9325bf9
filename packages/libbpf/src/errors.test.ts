import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { errnoName } from "./errno.ts";
import { BpfError } from "./errors.ts";
import { permissionHint, toBpfError } from "./invoke.ts";

const failed = (errno: number, text = ""): { errno: number; text: string; stale: boolean } => ({
  errno,
  text,
  stale: false,
});

describe("errors", () => {
  test("the message has the operation, the reason, the code, the errno and what to do", () => {
    const error = toBpfError(
      "load x",
      "ERR_BPF_LOAD",
      failed(1),
      "libbpf: prog 'p': failed\nlibbpf: failed to load x\n",
    );
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "BpfError",
      code: "ERR_BPF_PERMISSION",
      errno: 1,
      errnoName: "EPERM",
    });
    expect(error.message).toBe(
      "cannot load x: operation not permitted (libbpf: prog 'p': failed) [ERR_BPF_PERMISSION, EPERM]. " +
        permissionHint(),
    );
  });

  test.each([
    [524, "ERR_BPF_NOT_SUPPORTED", "ENOTSUPP"],
    [95, "ERR_BPF_NOT_SUPPORTED", "EOPNOTSUPP"],
    [38, "ERR_BPF_NOT_SUPPORTED", "ENOSYS"],
    [22, "ERR_BPF_MAP", "EINVAL"],
    [4001, "ERR_BPF_MAP", "LIBBPF_ERRNO__FORMAT"],
  ])("errno %i is %s", (errno, code, name) => {
    const error = toBpfError("use a map", "ERR_BPF_MAP", failed(errno), "");
    expect([error.code, error.errnoName]).toEqual([code, name]);
  });

  test("a closed handle is ERR_BPF_CLOSED whatever the operation was", () => {
    expect(
      toBpfError("x", "ERR_BPF_MAP", { errno: 9, text: "this map is closed", stale: true }, "").code,
    ).toBe("ERR_BPF_CLOSED");
  });

  test("every errno has a name", () => {
    expect([errnoName(2), errnoName(11), errnoName(99999)]).toEqual(["ENOENT", "EAGAIN", "errno 99999"]);
  });

  test("printing an error does not print a megabyte of log", () => {
    const verifier = { program: "p", summary: "reason", log: "x".repeat(1 << 20) };
    const error = new BpfError("ERR_BPF_VERIFIER", {
      operation: "load",
      reason: "reason",
      verifier,
      log: verifier.log,
    });
    expect(inspect(error).length).toBeLessThan(5000);
    expect(error.verifier?.log.length).toBe(1 << 20);
    expect(error.log.length).toBe(1 << 20);
  });

  test("the cause is kept", () => {
    const cause = new Error("below");
    expect(new BpfError("ERR_BPF_ADDON", { operation: "o", reason: "r", cause }).cause).toBe(cause);
    expect("cause" in new BpfError("ERR_BPF_ADDON", { operation: "o", reason: "r" })).toBe(false);
  });
});
