import type { MonotonicClock } from "./clock.ts";
import { SHUTDOWN } from "./gen/layout.ts";
import type { Direction, GapCause, Shutdown } from "./gen/layout.ts";
import type { CloseRecord, RecordBase, TapRecord } from "./record.ts";
import type { RecordFields } from "./record-fields.ts";

const SHUTDOWN_NAMES = Object.keys(SHUTDOWN) as readonly Shutdown[];

/**
 * The record that the cursor stands at, as an object that owns all it holds: it stays valid when the batch is reused.
 *
 * `clock` turns the kernel's monotonic time into nanoseconds since the epoch.
 */
export function toRecord(fields: RecordFields, clock: Pick<MonotonicClock, "toEpoch">): TapRecord {
  const base = toBase(fields, clock);
  switch (fields.type) {
    case "open":
      return { type: "open", ...base };
    case "data": {
      const record = { type: "data", ...base, ...toDirected(fields) } as const;
      return fields.captured === 0 ? record : { ...record, payload: fields.payload.slice() };
    }
    case "gap":
      // RecordCursor has checked that a gap has a direction and a cause.
      return { type: "gap", ...base, ...toDirected(fields), cause: fields.cause as GapCause };
    case "close":
      return toClose(fields, base);
  }
}

function toBase(fields: RecordFields, clock: Pick<MonotonicClock, "toEpoch">): RecordBase {
  const { processName, cgroup, syscall, pid, tid, uid } = fields;
  return {
    time: clock.toEpoch(fields.time),
    connection: { id: fields.connectionId, role: fields.role, joined: fields.joined },
    local: { address: fields.localAddress, port: fields.localPort },
    remote: { address: fields.remoteAddress, port: fields.remotePort },
    network: { type: fields.network, transport: "tcp" },
    process: processName === "" ? { pid, tid, uid } : { pid, tid, name: processName, uid },
    ...(cgroup === 0n ? {} : { cgroup: { id: cgroup } }),
    ...(syscall === undefined ? {} : { syscall }),
  };
}

function toDirected(fields: RecordFields): { direction: Direction; offset: bigint; size: bigint } {
  return { direction: fields.direction as Direction, offset: fields.offset, size: fields.size };
}

function toClose(fields: RecordFields, base: RecordBase): CloseRecord {
  const { smoothedRtt, retransmits, shutdownBits } = fields;
  const shutdown = SHUTDOWN_NAMES.filter((name) => (shutdownBits & SHUTDOWN[name]) !== 0);
  return {
    type: "close",
    ...base,
    egress: { bytes: fields.egressBytes },
    ingress: { bytes: fields.ingressBytes },
    duration: fields.duration,
    tcp: smoothedRtt === 0n ? { retransmits } : { smoothedRtt, retransmits },
    ...(shutdown.length === 0 ? {} : { shutdown }),
  };
}
