import type { DataRecord, Direction, AnyGapCause, GapRecord, TapRecord } from "@tcptracker/events";

/** How the records of one direction of one connection cover it. */
export interface Tiling {
  /** Where the records end. */
  readonly total: number;
  readonly captured: number;
  readonly missing: number;
  readonly causes: ReadonlySet<AnyGapCause>;
}

function covered(record: DataRecord | GapRecord): number {
  return record.type === "gap" ? Number(record.size) : (record.payload?.length ?? 0);
}

/** Checks that data and gap records tile a direction: no hole, no overlap; throws where they do not. */
export function tile(records: readonly TapRecord[], direction: Direction): Tiling {
  const pieces = records
    .filter((record) => record.type === "data" || record.type === "gap")
    .filter((record) => record.direction === direction)
    .toSorted((a, b) => Number(a.offset - b.offset));
  let total = 0;
  let missing = 0;
  const causes = new Set<AnyGapCause>();
  for (const piece of pieces) {
    const size = covered(piece);
    if (Number(piece.offset) !== total)
      throw new Error(`${direction}: the records up to ${total} are followed by one at ${piece.offset}`);
    total += size;
    if (piece.type !== "gap") continue;
    missing += size;
    causes.add(piece.cause);
  }
  return { total, captured: total - missing, missing, causes };
}

/** The records of the end that has `local` and `remote` as ports; those left out may be any. */
export function recordsOf(
  records: readonly TapRecord[],
  { local, remote }: { readonly local?: number; readonly remote?: number },
): TapRecord[] {
  return records.filter(
    (record) =>
      (local === undefined || record.local.port === local) &&
      (remote === undefined || record.remote.port === remote),
  );
}
