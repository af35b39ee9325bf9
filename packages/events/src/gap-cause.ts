import type { GapCause } from "./gen/layout.ts";

/**
 * Why bytes are missing that the kernel's programs did record: causes of an exporter. Their numbers are those of
 * `GapCause` in @tcptracker/proto.
 */
export const EXPORT_GAP_CAUSE = {
  /** The exporter's memory was full, and there was no spool on disk. */
  queue_full: 100,
  /** The exporter's spool was full, or its disk. */
  spool_full: 101,
  /** The spool could not be read back. */
  spool_damaged: 102,
  /** The collector refused them, again and again. */
  rejected: 103,
} as const;

export type ExportGapCause = keyof typeof EXPORT_GAP_CAUSE;

/** Why bytes are in no data record. */
export type AnyGapCause = GapCause | ExportGapCause;
