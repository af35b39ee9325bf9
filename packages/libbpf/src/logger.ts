import { loadedAddon } from "./addon.ts";
import type { Native } from "./native.ts";

/** Levels of libbpf's messages, most important first. */
export type LogLevel = "warn" | "info" | "debug";

/** Gets one message of libbpf, without the line break at its end. */
export type Logger = (level: LogLevel, text: string) => void;

const levels: readonly LogLevel[] = ["warn", "info", "debug"];

let logger: Logger | null = null;
let threshold = 0;

/**
 * Where libbpf's own messages go, for this thread. Silent by default; `null` makes it silent again.
 * Messages arrive when the call that caused them has returned. Whatever the setting, an error carries the
 * warnings of its operation in {@link BpfError.log}.
 *
 * @param level the least important level to pass on (default "info"; "debug" is long)
 */
export function setLogger(fn: Logger | null, level: LogLevel = "info"): void {
  logger = fn;
  threshold = fn === null ? 0 : Math.max(levels.indexOf(level), 0);
  loadedAddon()?.setLogLevel(threshold);
}

/** Applies the level to an addon that was loaded after `setLogger`. */
export function applyLevel(native: Native): void {
  native.setLogLevel(threshold);
}

/** Hands new messages to the logger and returns the warnings among them. */
export function deliver(native: Native): string {
  const lines = native.takeLog();
  let warnings = "";
  for (let i = 0; i < lines.length; i += 2) {
    const level = levels[Number(lines[i])] ?? "debug";
    const text = String(lines[i + 1]);
    if (level === "warn") warnings += text;
    try {
      logger?.(level, text.replace(/\n$/, ""));
    } catch (error) {
      // The call in progress is not the logger's to break: its error goes where unhandled ones go.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  return warnings;
}
