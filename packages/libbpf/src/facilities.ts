import { existsSync, readFileSync } from "node:fs";

import type { AttachKind } from "./native.ts";
import type { ProgramType } from "./names.ts";

const pmu = "/sys/bus/event_source/devices";

/** Whether the kernel can attach kprobes (CONFIG_KPROBES with perf or tracefs events). */
export function kprobesAvailable(): boolean {
  return existsSync(`${pmu}/kprobe`) || existsSync("/sys/kernel/tracing/kprobe_events");
}

/** How perf_event_open makes kprobes: the type of event, and the bit of its configuration that makes a return probe. */
export interface KprobePmu {
  pmuType: number;
  returnBit: number;
}

/** Undefined where the kernel has no such events (before 4.17, or without CONFIG_KPROBE_EVENTS). */
export function kprobePmu(): KprobePmu | undefined {
  try {
    const pmuType = Number(readFileSync(`${pmu}/kprobe/type`, "utf8"));
    // "config:0"
    const bit = /^config:(\d+)/.exec(readFileSync(`${pmu}/kprobe/format/retprobe`, "utf8"))?.[1];
    return { pmuType, returnBit: Number(bit ?? 0) };
  } catch {
    return undefined;
  }
}

/** Whether the kernel can attach uprobes. */
export function uprobesAvailable(): boolean {
  return existsSync(`${pmu}/uprobe`) || existsSync("/sys/kernel/tracing/uprobe_events");
}

/** Whether tracefs is mounted. Where it is not, it may still be had: see {@link openTracefs}. */
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
