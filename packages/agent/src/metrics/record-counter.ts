import type { TapRecord } from "@tcptracker/events";
import type { Stage } from "../pipeline.ts";

/** Counts records on their way to the sinks, as they pass. */
export class RecordCounter implements Stage {
  /** Records, by type. */
  readonly records: Record<TapRecord["type"], number> = { open: 0, data: 0, gap: 0, close: 0 };
  /** Payload bytes, by direction. */
  readonly payloadBytes: Record<"egress" | "ingress", number> = { egress: 0, ingress: 0 };
  /** Bytes declared missing, by cause. */
  readonly gapBytes: Partial<Record<string, number>> = {};

  process(records: readonly TapRecord[]): readonly TapRecord[] {
    for (const record of records) {
      this.records[record.type]++;
      if (record.type === "data") this.payloadBytes[record.direction] += record.payload?.length ?? 0;
      else if (record.type === "gap")
        this.gapBytes[record.cause] = (this.gapBytes[record.cause] ?? 0) + Number(record.size);
    }
    return records;
  }
}
