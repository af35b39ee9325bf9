import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "libbpf-addon-"));
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe("finding the addon", () => {
  test("importing needs none; the first use says where it looked and what to do", async () => {
    const missing = join(folder, "missing.node");
    vi.stubEnv("LIBBPF_ADDON", missing);
    const { BpfObject } = await import("./index.ts");
    expect(() => BpfObject.open("/x.o")).toThrow(
      expect.objectContaining({
        code: "ERR_BPF_ADDON",
        message: expect.stringMatching(new RegExp(`${missing}: no such file[^]*Build it`)) as string,
      }) as Error,
    );
  });

  test("a file that is no addon is named with the loader's words", async () => {
    const broken = join(folder, "broken.node");
    writeFileSync(broken, "not a library");
    const { setAddonPath, features } = await import("./index.ts");
    setAddonPath(broken);
    expect(() => features.possibleCpus()).toThrow(/broken\.node: .*(invalid ELF header|file too short)/);
  });

  test("where it is searched, and that the environment wins", async () => {
    const { addonCandidates, setAddonPath } = await import("./addon.ts");
    expect(addonCandidates()[0]).toMatch(/libbpf\/dist\/native\/linux-(x64|arm64)\/libbpf\.node$/);
    setAddonPath(join(folder, "a.node"));
    expect(addonCandidates()).toEqual([join(folder, "a.node")]);
    vi.stubEnv("LIBBPF_ADDON", join(folder, "b.node"));
    expect(addonCandidates()).toEqual([join(folder, "b.node")]);
  });
});

describe("arguments are checked before the addon is needed", () => {
  test.each([
    ["an empty path", ""],
    ["a NUL in the path", "a\0b"],
    ["a number", 1 as unknown as string],
  ])("open: %s", async (_what, path) => {
    vi.stubEnv("LIBBPF_ADDON", join(folder, "missing.node"));
    const { BpfObject } = await import("./index.ts");
    expect(() => BpfObject.open(path)).toThrow(
      expect.objectContaining({ code: "ERR_BPF_INVALID_ARGUMENT" }) as Error,
    );
  });

  test("raw programs and maps", async () => {
    vi.stubEnv("LIBBPF_ADDON", join(folder, "missing.node"));
    const { BpfMap, findKernelBtfId, loadProgram } = await import("./index.ts");
    const invalid = expect.objectContaining({ code: "ERR_BPF_INVALID_ARGUMENT" }) as Error;
    const program = { type: "socket_filter", instructions: new Uint8Array(8), license: "GPL" } as const;
    expect(() => loadProgram({ ...program, instructions: new Uint8Array(7) })).toThrow(invalid);
    expect(() => loadProgram({ ...program, instructions: new Uint8Array(0) })).toThrow(invalid);
    expect(() => loadProgram({ ...program, type: "socket" as "socket_filter" })).toThrow(invalid);
    expect(() => loadProgram({ ...program, name: "much_too_long_a_name" })).toThrow(invalid);
    expect(() => loadProgram({ ...program, license: "" })).toThrow(invalid);
    expect(() => loadProgram({ ...program, expectedAttachType: "no" as "lsm_mac" })).toThrow(invalid);
    expect(() => findKernelBtfId("", "func")).toThrow(invalid);
    expect(() => findKernelBtfId("x", "constructor" as "func")).toThrow(invalid);
    expect(() => BpfMap.create({ type: "array", keySize: 2 ** 32, valueSize: 4, maxEntries: 1 })).toThrow(
      invalid,
    );
  });
});
