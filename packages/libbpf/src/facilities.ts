import { existsSync } from "node:fs";

import type { AttachKind } from "./native.ts";
import type { ProgramType } from "./names.ts";

const pmu = "/sys/bus/event_source/devices";

/** Whether the kernel can attach kprobes (CONFIG_KPROBES with perf or tracefs events). */
export function kprobesAvailable(): boolean {
  return existsSync(`${pmu}/kprobe`) || existsSync("/sys/kernel/tracing/kprobe_events");
}

/** Whether the kernel can attach uprobes. */
export function uprobesAvailable(): boolean {
  return existsSync(`${pmu}/uprobe`) || existsSync("/sys/kernel/tracing/uprobe_events");
}

/** Whether tracefs is mounted, which attaching to a tracepoint by name needs (raw tracepoints and tp_btf do not). */
export function tracefsAvailable(): boolean {
  return existsSync("/sys/kernel/tracing/events") || existsSync("/sys/kernel/debug/tracing/events");
}

/** Says what the kernel lacks for an attachment, for the hint of an error; undefined when nothing known is missing. */
export function missingFacility(type: ProgramType, section: string, kind: AttachKind): string | undefined {
  const user = kind === "uprobe" || /^u(ret)?probe/.test(section);
  if (user) return uprobesAvailable() ? undefined : "This kernel has no uprobes (CONFIG_UPROBE_EVENTS)";
  if (kind === "kprobe" || kind === "ksyscall" || (kind === "auto" && type === "kprobe")) {
    return kprobesAvailable()
      ? "Functions that can be probed are listed in /sys/kernel/tracing/available_filter_functions"
      : "This kernel has no kprobes (CONFIG_KPROBES)";
  }
  if (kind === "tracepoint" || (kind === "auto" && type === "tracepoint")) {
    return tracefsAvailable()
      ? "Tracepoints are listed in /sys/kernel/tracing/available_events"
      : "tracefs is not mounted: mount -t tracefs nodev /sys/kernel/tracing";
  }
  return undefined;
}
