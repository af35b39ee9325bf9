import { ProbesError } from "@tcptracker/probes";
import { expect, test } from "vitest";
import { bpfError } from "../../test/doctor/taps.ts";
import { installationFindings } from "./installation-findings.ts";

test("what is there says so, what is not says why", () => {
  const whole = installationFindings({ libbpfVersion: () => "v1.5", findPrograms: () => undefined });
  expect(whole.map(({ code, state }) => [code, state])).toEqual([
    ["addon", "ok"],
    ["programs", "ok"],
  ]);
  expect(whole[0]?.text).toBe("native addon, with libbpf 1.5");
  const broken = installationFindings({
    libbpfVersion: () => {
      throw bpfError("ERR_BPF_ADDON", undefined, "load the native addon");
    },
    findPrograms: () => {
      throw new ProbesError("ERR_PROBES_NOT_BUILT", "run the build");
    },
  });
  expect(broken.map(({ state }) => state)).toEqual(["problem", "problem"]);
  expect(broken[0]?.text).toContain("ERR_BPF_ADDON");
  expect(broken[1]?.text).toContain("run the build");
});
