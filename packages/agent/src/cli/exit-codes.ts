import { BpfError } from "@tcptracker/libbpf";
import { TapError } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

/** What the command's exit code says. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notPermitted: 3,
  notSupported: 4,
} as const;

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  const code = error instanceof TapError || error instanceof BpfError ? error.code : undefined;
  switch (code) {
    case "ERR_TAP_OPTION":
      return EXIT.usage;
    case "ERR_TAP_NOT_PERMITTED":
    case "ERR_BPF_PERMISSION":
      return EXIT.notPermitted;
    case "ERR_TAP_NOT_SUPPORTED":
    case "ERR_TAP_NOT_BUILT_IN":
    case "ERR_BPF_NOT_SUPPORTED":
      return EXIT.notSupported;
    default:
      return EXIT.failed;
  }
}
