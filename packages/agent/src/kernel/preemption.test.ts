import { expect, test } from "vitest";
import { preemption } from "./preemption.ts";

test.each([
  ["5.10.0-32-cloud-amd64", "#1 SMP Debian 5.10.223-1 (2024-08-10)", false, false],
  ["6.18.44", "#1 SMP PREEMPT_DYNAMIC @0", true, false],
  ["6.19.1", "#1 SMP PREEMPT_LAZY", true, true],
  ["7.3.4+deb13-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 7.3.4-1", true, true],
  ["7.0.0", "#1 SMP", false, false],
  ["7", "#1 SMP PREEMPT", true, true],
  ["strange", "", false, false],
])("%s %s", (release, version, trampolines, tracepoints) => {
  expect(preemption(release, version)).toEqual({ trampolines, tracepoints });
});
