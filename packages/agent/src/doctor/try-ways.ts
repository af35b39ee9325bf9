import { SYSCALL_NAMES } from "@tcptracker/events";
import { BpfError } from "@tcptracker/libbpf";
import { probeObject, type AttachStrategy, type ProgramKind, type Transport } from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import type { Hook } from "../kernel/attachment.ts";
import type { IoUringSupport } from "../kernel/io-uring.ts";
import type { PageCacheSupport } from "../kernel/page-cache.ts";
import { STRATEGIES } from "../kernel/candidates.ts";
import type { TapOptions } from "../options.ts";
import { Tap } from "../tap.ts";
import type { CallHook, RefusalReason, WayReport, WayState } from "./diagnosis.ts";
import { reasonOf } from "./reason-of.ts";

/** What `auto` came to. */
export interface AutoResult {
  /** As `tap` prints it; absent when nothing worked. */
  readonly attachedAs?: string;
  /** Whether it sees io_uring; absent when nothing worked. */
  readonly ioUring?: IoUringSupport;
  /** Whether it reads what sendfile sends; absent when nothing worked. */
  readonly pageCache?: PageCacheSupport;
  /** Why nothing worked; empty when something did. */
  readonly reasons: readonly RefusalReason[];
  readonly ways: readonly WayReport[];
}

/** Starts a tap; for tests, something that looks like one. */
export type StartTap = (
  options: TapOptions,
) => Pick<Tap, "attachedAs" | "way" | "refusals" | "hooks" | "ioUring" | "pageCache" | "stop">;

type Way = Pick<WayReport, "strategy" | "kind" | "transport">;

const TRANSPORTS: readonly Transport[] = ["ringbuf", "perfbuf"];

/** Every way there is, the best first. */
export const EVERY_WAY: readonly Way[] = TRANSPORTS.flatMap((transport) =>
  STRATEGIES.flatMap((strategy) => kindsOf(strategy).map((kind) => ({ strategy, kind, transport }))),
);

function kindsOf(strategy: AttachStrategy): ProgramKind[] {
  if (strategy === "fexit") return ["typed"];
  return strategy === "kprobe" ? ["raw"] : ["typed", "raw"];
}

const startTap: StartTap = (options) => Tap.start(options);

/** Starts a tap as `tcptracker tap` does, and stops it at once: what it chose, and what was refused before that. */
export async function tryAuto(start: StartTap = startTap): Promise<AutoResult> {
  let tap: ReturnType<StartTap>;
  try {
    tap = start({});
  } catch (error) {
    return { reasons: reasonsOf(error), ways: [] };
  }
  const { attachedAs, way, hooks, ioUring, pageCache } = tap;
  const refused = new Map<string, WayReport>();
  for (const { strategy, kind, transport, error } of tap.refusals) {
    const before = refused.get(strategy + kind)?.reasons ?? [];
    const reasons = [...before, reasonOf(error)];
    refused.set(strategy + kind, { ...reportOf({ strategy, kind, transport }, "refused"), reasons });
  }
  // Another set of the same kind may have been refused before the one that was taken.
  refused.delete(way.strategy + way.kind);
  await tap.stop();
  return {
    attachedAs,
    ioUring,
    pageCache,
    reasons: [],
    ways: [...refused.values(), reportOf(way, "chosen", hooks)],
  };
}

function reportOf(
  { strategy, kind, transport }: Way,
  state: WayState,
  hooks: readonly Hook[] = [],
): WayReport {
  return {
    strategy,
    kind,
    transport,
    state,
    reasons: [],
    hooks: callHooks(hooks),
    compat: seesCompat(hooks),
  };
}

/** Loads and attaches one way, as `tcptracker tap` would if told to, and detaches it at once. */
export async function tryWay(way: Way, start: StartTap = startTap): Promise<WayReport> {
  const { strategy, kind, transport } = way;
  const started = performance.now();
  try {
    const tap = start({ attach: strategy, programs: kind, transport });
    const report = reportOf(way, "usable", tap.hooks);
    await tap.stop();
    return { ...report, milliseconds: Math.round(performance.now() - started) };
  } catch (error) {
    const milliseconds = Math.round(performance.now() - started);
    return { ...reportOf(way, "refused"), milliseconds, reasons: reasonsOf(error) };
  }
}

/** The way, not tried. */
export function untried(way: Way): WayReport {
  return reportOf(way, "untried");
}

/** Whether 32-bit programs are seen: one hook sees all calls, or they have functions of their own. */
export function seesCompat(hooks: readonly Hook[]): boolean {
  return hooks.some(
    ({ target, compat, reason }) => target === "sys_exit" || (compat === true && reason === undefined),
  );
}

/** The names in records that are those of system calls; operations of io_uring are none. */
export const SYSTEM_CALLS: readonly string[] = SYSCALL_NAMES.filter((name) => name !== undefined).filter(
  (name) => !name.startsWith("io_uring_"),
);

/**
 * A system call for each hook; one hook that sees all of them stands for all of them. A function for 32-bit programs
 * only is named when the kernel has it and refuses the hook.
 */
export function callHooks(hooks: readonly Hook[]): CallHook[] {
  return hooks.flatMap(({ program, compat, unknown, ...rest }) => {
    const { target, reason } = rest;
    if (target === "sys_exit") return SYSTEM_CALLS.map((call) => ({ call, ...rest }));
    if (compat === true) return reason === undefined || unknown === true ? [] : [{ call: target, ...rest }];
    // "fexit_sendfile64" is the kernel's name of sendfile.
    const name = program.slice(program.indexOf("_") + 1);
    return [{ call: SYSTEM_CALLS.find((known) => known === name || `${known}64` === name) ?? name, ...rest }];
  });
}

/** The errors behind an error: one for each set of programs that was tried. */
export function reasonsOf(error: unknown): RefusalReason[] {
  if (!(error instanceof TapError)) return [reasonOf(error)];
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors.length > 0)
    return cause.errors.map((each: unknown) => reasonOf(each));
  return [reasonOf(cause instanceof BpfError ? cause : error)];
}

/** Whether this installation has the programs at all; throws the typed error when not. */
export function checkPrograms(): void {
  probeObject({ strategy: "tracepoint", transport: "ringbuf", atomics: true });
}
