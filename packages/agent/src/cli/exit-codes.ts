import { FilterError } from "@tcptracker/filter";
import { BpfError, type BpfErrorCode } from "@tcptracker/libbpf";
import { ExportError, type ExportErrorCode } from "@tcptracker/grpc-exporter/errors";
import { ProbesError, type ProbesErrorCode } from "@tcptracker/probes";
import { TapError, type TapErrorCode } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

/** What the command's exit code says. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notPermitted: 3,
  notSupported: 4,
} as const;

/** The codes that do not just mean "failed". */
const EXIT_OF: Partial<Record<TapErrorCode | BpfErrorCode | ProbesErrorCode | ExportErrorCode, number>> = {
  ERR_TAP_OPTION: EXIT.usage,
  ERR_EXPORT_OPTION: EXIT.usage,
  ERR_EXPORT_PLAINTEXT: EXIT.usage,
  ERR_TAP_NOT_PERMITTED: EXIT.notPermitted,
  ERR_BPF_PERMISSION: EXIT.notPermitted,
  ERR_TAP_NOT_SUPPORTED: EXIT.notSupported,
  ERR_TAP_NOT_BUILT_IN: EXIT.notSupported,
  ERR_BPF_NOT_SUPPORTED: EXIT.notSupported,
  ERR_PROBES_STRATEGY: EXIT.notSupported,
  ERR_PROBES_ARCHITECTURE: EXIT.notSupported,
};

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof FilterError) return EXIT.usage;
  const known =
    error instanceof TapError ||
    error instanceof BpfError ||
    error instanceof ProbesError ||
    error instanceof ExportError;
  return (known ? EXIT_OF[error.code] : undefined) ?? EXIT.failed;
}
