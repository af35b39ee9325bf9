import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { EXPORT_GAP_CAUSE, type ExportGapCause } from "@tcptracker/events";
import { ExportRequestSchema, GapSchema, LossSchema, RecordSchema } from "@tcptracker/proto";
import type { Data, Gap, Loss, Record } from "@tcptracker/proto";

/** Records that may be remembered: about 16 MiB. */
const MOST_OWED = 16_384;

/** Sums of one cause. */
interface Sums {
  batches: number;
  records: number;
  payloadBytes: number;
  undeclaredBytes: number;
}

/** What was lost, for each cause, since the exporter began. */
export type LossSums = Readonly<globalThis.Record<ExportGapCause, Readonly<Sums>>>;

function noSums(): globalThis.Record<ExportGapCause, Sums> {
  const none = (): Sums => ({ batches: 0, records: 0, payloadBytes: 0, undeclaredBytes: 0 });
  return { queue_full: none(), spool_full: none(), spool_damaged: none(), rejected: none() };
}

/**
 * What an exporter owes its collector: for batches that were given up, gap records in the place of the data they had,
 * and the records in them that are not data. Neighbouring gaps are one. Memory is bounded: beyond it, bytes are
 * counted instead of declared.
 */
export class LossLedger {
  readonly #totals = noSums();
  #pending = noSums();
  /** In the order in which they were lost. */
  #owed = new Map<string, Record>();

  /** Sums since the beginning. */
  get totals(): LossSums {
    return this.#totals;
  }

  /** Whether there is something to declare. */
  get owes(): boolean {
    return this.#owed.size > 0 || Object.values(this.#pending).some((sums) => sums.batches > 0);
  }

  /** A batch is given up: the bytes of an ExportRequest. */
  lose(message: Uint8Array, cause: ExportGapCause): void {
    const request = fromBinary(ExportRequestSchema, message).message;
    if (request.case !== "batch") return;
    this.#count(cause, { batches: 1 });
    for (const record of request.value.records) this.#loseRecord(record, cause);
    // What that batch was to declare is still to be declared.
    for (const loss of request.value.losses) this.#repeat(loss);
  }

  /** Batches are lost whose bytes nobody can read. */
  loseUnread(batches: number, cause: ExportGapCause): void {
    this.#count(cause, { batches });
  }

  /** What is owed, to be sent; nothing is owed afterwards. */
  take(): { readonly records: readonly Record[]; readonly losses: readonly Loss[] } {
    const records = [...this.#owed.values()];
    const losses = Object.entries(this.#pending)
      .filter(([, sums]) => sums.batches > 0)
      .map(([cause, sums]) =>
        create(LossSchema, {
          cause: EXPORT_GAP_CAUSE[cause as ExportGapCause],
          batches: BigInt(sums.batches),
          records: BigInt(sums.records),
          payloadBytes: BigInt(sums.payloadBytes),
          undeclaredBytes: BigInt(sums.undeclaredBytes),
        }),
      );
    this.#owed = new Map();
    this.#pending = noSums();
    return { records, losses };
  }

  #loseRecord(record: Record, cause: ExportGapCause): void {
    const { event } = record;
    const id = String(record.connection?.id ?? 0n);
    if (event.case === "data") {
      const size = event.value.payload.length;
      this.#count(cause, { records: 1, payloadBytes: size });
      if (size > 0) this.#declare(id, record, gapOf(event.value, cause), cause);
    } else if (event.case === "gap") this.#declare(id, record, event.value, cause);
    else if (!this.#owe(`${id}/${event.case ?? ""}`, record)) this.#count(cause, { records: 1 });
  }

  /** Owes a gap: as a part of the one before it, where they touch. */
  #declare(id: string, record: Record, gap: Gap, cause: ExportGapCause): void {
    const key = `${id}/${gap.direction}/${gap.cause}`;
    const before = this.#owed.get(key)?.event;
    if (before?.case === "gap" && before.value.offset + before.value.size === gap.offset) {
      before.value.size += gap.size;
      return;
    }
    const last = this.#owed.get(key);
    if (last !== undefined) {
      // The newest one has the key: it is the one that can grow.
      this.#owed.delete(key);
      this.#owed.set(`${key}/${(last.event.value as Gap).offset}`, last);
    }
    const declared = { ...record, event: { case: "gap" as const, value: gap } };
    if (!this.#owe(key, declared)) this.#count(cause, { undeclaredBytes: Number(gap.size) });
  }

  #owe(key: string, record: Record): boolean {
    if (this.#owed.size >= MOST_OWED) return false;
    // What was decoded has views of the batch that it was in, and would keep all of it.
    this.#owed.set(key, fromBinary(RecordSchema, toBinary(RecordSchema, record)));
    return true;
  }

  #repeat({ cause, batches, records, payloadBytes, undeclaredBytes }: Loss): void {
    const name = Object.entries(EXPORT_GAP_CAUSE).find(([, value]) => value === cause)?.[0];
    if (name === undefined) return;
    const sums = this.#pending[name as ExportGapCause];
    sums.batches += Number(batches);
    sums.records += Number(records);
    sums.payloadBytes += Number(payloadBytes);
    sums.undeclaredBytes += Number(undeclaredBytes);
  }

  #count(cause: ExportGapCause, more: Partial<Sums>): void {
    for (const sums of [this.#totals[cause], this.#pending[cause]])
      for (const key of Object.keys(more) as (keyof Sums)[]) sums[key] += more[key] ?? 0;
  }
}

/** The gap in the place of a data record. */
function gapOf({ direction, offset, payload }: Data, cause: ExportGapCause): Gap {
  return create(GapSchema, {
    direction,
    offset,
    size: BigInt(payload.length),
    cause: EXPORT_GAP_CAUSE[cause],
  });
}
