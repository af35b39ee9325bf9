import type { MonotonicClock } from "./clock.ts";
import { SHUTDOWN } from "./gen/layout.ts";
import type { Direction, GapCause, Shutdown } from "./gen/layout.ts";
import type { CloseRecord, DataRecord, RecordBase, TapRecord } from "./record.ts";
import type { RecordFields } from "./record-fields.ts";

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const SHUTDOWN_SIDES = Object.keys(SHUTDOWN) as readonly Shutdown[];

/**
 * The record that the cursor stands at, as an object that owns all it holds: it stays valid when the batch is reused.
 *
 * `clock` turns the kernel's monotonic time into nanoseconds since the epoch.
 */
export function toRecord(fields: RecordFields, clock: Pick<MonotonicClock, "toEpoch">): TapRecord {
  // Members are added one by one where spreading would be shorter: this runs for every record that is kept.
  switch (fields.type) {
    case "open":
      return addOptional({ type: "open", ...always(fields, clock) }, fields);
    case "data": {
      const record: Writable<DataRecord> = { type: "data", ...always(fields, clock), ...directed(fields) };
      if (fields.captured > 0) record.payload = fields.payload.slice();
      return addOptional(record, fields);
    }
    case "gap": {
      // RecordCursor has checked that a gap has a cause.
      const cause = fields.cause as GapCause;
      return addOptional({ type: "gap", ...always(fields, clock), ...directed(fields), cause }, fields);
    }
    case "close":
      return addOptional(toClose(fields, clock), fields);
  }
}

/** What every record has. */
function always(fields: RecordFields, clock: Pick<MonotonicClock, "toEpoch">): RecordBase {
  const { pid, tid, uid, processName: name } = fields;
  return {
    time: clock.toEpoch(fields.time),
    connection: { id: fields.connectionId, role: fields.role, joined: fields.joined },
    local: { address: fields.localAddress, port: fields.localPort },
    remote: { address: fields.remoteAddress, port: fields.remotePort },
    network: { type: fields.network, transport: "tcp" },
    process: name === "" ? { pid, tid, uid } : { pid, tid, name, uid },
  };
}

/** What every record may have. */
function addOptional<Kind extends RecordBase>(record: Writable<Kind>, fields: RecordFields): Kind {
  const { cgroup, syscall } = fields;
  if (cgroup !== 0n) record.cgroup = { id: cgroup };
  if (syscall !== undefined) record.syscall = syscall;
  return record;
}

/** What data and gap records have; RecordCursor has checked that they have a direction. */
function directed(fields: RecordFields): { direction: Direction; offset: bigint; size: bigint } {
  return { direction: fields.direction as Direction, offset: fields.offset, size: fields.size };
}

function toClose(fields: RecordFields, clock: Pick<MonotonicClock, "toEpoch">): Writable<CloseRecord> {
  const { smoothedRtt, retransmits, shutdownBits } = fields;
  const record: Writable<CloseRecord> = {
    type: "close",
    ...always(fields, clock),
    egress: { bytes: fields.egressBytes },
    ingress: { bytes: fields.ingressBytes },
    duration: fields.duration,
    tcp: smoothedRtt === 0n ? { retransmits } : { smoothedRtt, retransmits },
  };
  const shutdown = SHUTDOWN_SIDES.filter((side) => (shutdownBits & SHUTDOWN[side]) !== 0);
  if (shutdown.length > 0) record.shutdown = shutdown;
  return record;
}
