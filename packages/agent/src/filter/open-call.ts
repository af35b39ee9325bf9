import type { AnyGapCause, DataRecord, GapRecord } from "@tcptracker/events";
import { PAYLOAD_LIMIT, RecordInput, type Predicate } from "@tcptracker/filter";

/** Causes of gaps that are the whole of a call. */
const WHOLE_CALL: ReadonlySet<AnyGapCause> = new Set(["splice", "discarded", "io_uring"]);

const NOTHING = new Uint8Array(0);

/** A call of which not all records are here yet. Those of one call have the same connection, direction, thread and time. */
export class OpenCall {
  /** Connection and direction. */
  readonly key: string;
  readonly tid: number;
  readonly time: bigint;
  readonly #accepts: Predicate;
  readonly #pieces: Uint8Array[] = [];
  #records: (DataRecord | GapRecord)[] = [];
  #first: DataRecord | GapRecord | undefined;
  #size: bigint | undefined;
  #covered = 0n;
  #captured = 0;
  #held = 0;
  #verdict: boolean | undefined;

  constructor(
    key: string,
    { tid, time }: { readonly tid: number; readonly time: bigint },
    accepts: Predicate,
  ) {
    this.key = key;
    this.tid = tid;
    this.time = time;
    this.#accepts = accepts;
  }

  /** Payload bytes that are held back. */
  get held(): number {
    return this.#held;
  }

  /** Whether nothing more comes of it. */
  get isComplete(): boolean {
    return this.#size !== undefined && this.#covered >= this.#size;
  }

  /** Whether its filter has seen all that it looks at. */
  get isDecidable(): boolean {
    return this.#verdict !== undefined || this.isComplete || this.#captured >= PAYLOAD_LIMIT;
  }

  add(record: DataRecord | GapRecord): void {
    if (this.#verdict === undefined) this.#first ??= record;
    this.#records.push(record);
    if (record.type === "gap") {
      this.#covered += record.size;
      if (WHOLE_CALL.has(record.cause)) this.#size = this.#covered;
      return;
    }
    const { payload = NOTHING, size } = record;
    this.#size = size;
    this.#covered += BigInt(payload.length);
    this.#captured += payload.length;
    this.#held += payload.length;
    if (this.#verdict === undefined) this.#pieces.push(payload);
  }

  get isJudged(): boolean {
    return this.#verdict !== undefined;
  }

  /** What the filter says of the call as far as it is known; it stays with that. */
  get verdict(): boolean {
    if (this.#verdict !== undefined) return this.#verdict;
    this.#verdict = this.#first === undefined || this.#accepts(new RecordInput(this.#whole(this.#first)));
    // What is kept of it from now on is the verdict, not its bytes.
    this.#first = undefined;
    return this.#verdict;
  }

  /** The records that were held back until now. */
  take(): (DataRecord | GapRecord)[] {
    const records = this.#records;
    this.#records = [];
    this.#pieces.length = 0;
    this.#held = 0;
    return records;
  }

  /** One record that stands for the call. */
  #whole(first: DataRecord | GapRecord): DataRecord {
    const payload = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
    return { ...first, type: "data", size: this.#size ?? this.#covered, payload: payload ?? NOTHING };
  }
}
