import { BpfError, BpfMap } from "@tcptracker/libbpf";
import { afterEach, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { until, within } from "./support/until.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test("a map that cannot be read ends the command with 1, and nothing is left that would keep the process alive", async () => {
  let stderr = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const args = ["--metrics", "127.0.0.1:0", "--no-containers", "--filter", "local.port == 1"];
  const ended = main(["tap", ...args]);
  const url = await until("it serves", () => /metrics on (http:\S+)\/metrics/.exec(stderr)?.[1]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  vi.spyOn(BpfMap.prototype, "getPerCpu").mockImplementation(() => {
    throw new BpfError("ERR_BPF_MAP", { operation: "read map counters", reason: "made up", errno: 12 });
  });
  expect(await within("the command ends", ended)).toBe(1);
  expect(stderr).toContain("made up");
  await expect(fetch(`${url}/healthz`)).rejects.toThrow();
});
