import { create } from "@bufbuild/protobuf";
import { RecordCursor, type TapRecord } from "@tcptracker/events";
import { AccountingSchema, type Accounting, type Loss } from "@tcptracker/proto";
import { BatchBuilder } from "./batch-builder.ts";
import type { BatchMemory } from "./batch-memory.ts";
import { FieldsEncoder } from "./encode/encode-fields.ts";
import { ExportError } from "./errors.ts";
import type { LossLedger } from "./losses.ts";
import type { ResolvedExporterOptions } from "./options.ts";
import { encodeResource } from "./resource.ts";
import type { BatchStore } from "./store/store.ts";

/** How often to look whether losses can be declared, in milliseconds; and how long none must have happened. */
const DECLARE_INTERVAL = 1_000;

/** What a writer has taken and made. */
export interface Written {
  readonly records: number;
  readonly payloadBytes: number;
  readonly batches: number;
  /** Records of the batch that is not full yet. */
  readonly pendingRecords: number;
}

/** Makes batches of records and stores them one after the other, in the order of their numbers; and declares what was lost. */
export class BatchWriter {
  readonly #options: ResolvedExporterOptions;
  readonly #store: BatchStore;
  readonly #ledger: LossLedger;
  readonly #onStored: () => void;
  readonly #builder: BatchBuilder;
  readonly #fields = new FieldsEncoder(0n);
  readonly #cursor = new RecordCursor({ onError: () => undefined });
  #ageTimer: NodeJS.Timeout | undefined;
  #storing: Promise<void> = Promise.resolve();
  #lostAt = -Infinity;
  #last: number;
  #ended = false;
  #records = 0;
  #payloadBytes = 0;
  #batches = 0;
  readonly #declareTimer: NodeJS.Timeout;
  /** When it began to count: nanoseconds since 1970. */
  readonly #startTime = BigInt(Date.now()) * 1_000_000n;

  /** `onStored` is told of each batch that is there to be sent. */
  constructor(
    options: ResolvedExporterOptions,
    store: BatchStore,
    ledger: LossLedger,
    memory: BatchMemory,
    onStored: () => void,
  ) {
    this.#options = options;
    this.#store = store;
    this.#ledger = ledger;
    this.#onStored = onStored;
    this.#last = store.last;
    const resource = encodeResource(options.resource);
    this.#builder = new BatchBuilder(resource, options.batchBytes + 128 * 1024, memory);
    this.#declareTimer = setInterval(() => void this.declare(), DECLARE_INTERVAL).unref();
  }

  get written(): Written {
    return {
      records: this.#records,
      payloadBytes: this.#payloadBytes,
      batches: this.#batches,
      pendingRecords: this.#builder.records,
    };
  }

  /** See `GrpcExporter.write`. */
  async write(records: readonly TapRecord[]): Promise<void> {
    for (const record of records) {
      this.#begin();
      this.#builder.add(record);
      this.#records++;
      if (record.type === "data") this.#payloadBytes += record.payload?.length ?? 0;
      if (this.#builder.bytes >= this.#options.batchBytes) await this.seal();
    }
  }

  /** See `GrpcExporter.writeRaw`. */
  async writeRaw(batch: Uint8Array, epoch: bigint): Promise<void> {
    const cursor = this.#cursor;
    this.#fields.setEpoch(epoch);
    cursor.reset(batch);
    while (cursor.next()) {
      this.#begin();
      this.#builder.addFields(this.#fields, cursor);
      this.#records++;
      this.#payloadBytes += cursor.captured;
      if (this.#builder.bytes >= this.#options.batchBytes) await this.seal();
    }
  }

  /** Ends the batch, if there is anything in it. Resolves when it is stored. */
  seal(): Promise<void> {
    clearTimeout(this.#ageTimer);
    this.#ageTimer = undefined;
    if (this.#builder.records > 0) this.#storeBatch([]);
    if (this.#mayDeclare()) this.#declareLosses();
    return this.#storing;
  }

  /** Declares what was lost, if this is the time for it. */
  async declare(): Promise<void> {
    if (this.#mayDeclare()) await this.seal();
  }

  /** Takes no more records, and ends the batch: resolves when it is stored. What is owed can still be declared. */
  end(): Promise<void> {
    this.#ended = true;
    clearInterval(this.#declareTimer);
    return this.seal();
  }

  /** Something was given up just now. */
  noteLoss(): void {
    this.#lostAt = performance.now();
  }

  /**
   * At the end: what is not delivered goes into the spool, for the next time, and so does what is owed. What the disk does not take is
   * given up, so that it can be declared; for that there has to be room, at the price of the oldest that is there. Resolves to the
   * number of batches that are lost.
   */
  async keepRest(): Promise<number> {
    await this.#storing;
    if ((await this.#store.settle()) > 0) this.#store.dropUnsettled();
    // Each round gives up a file, or leaves out of one what nobody wants, so they come to an end.
    for (;;) {
      if (this.#ledger.owes) this.#declareLosses(true);
      await this.#storing;
      const lost = await this.#store.settle();
      if (lost === 0 || !(await this.#store.makeRoom())) return lost;
    }
  }

  /** Before a record is added. */
  #begin(): void {
    if (this.#ended) throw new ExportError("ERR_EXPORT_CLOSED", "the exporter was closed");
    if (this.#builder.records > 0) return;
    this.#ageTimer ??= setTimeout(() => void this.seal(), this.#options.batchAgeMs);
  }

  /** A disk can be full long before the limit is reached: then what was to declare would be lost, and owed again, each time. */
  #mayDeclare(): boolean {
    const isQuiet = performance.now() - this.#lostAt >= DECLARE_INTERVAL;
    return this.#ledger.owes && this.#store.hasRoom && isQuiet;
  }

  #declareLosses(beyondLimit = false): void {
    const { records, losses } = this.#ledger.take();
    for (const record of records) {
      this.#builder.addMessage(record);
      if (this.#builder.bytes >= this.#options.batchBytes) this.#storeBatch([], beyondLimit);
    }
    this.#storeBatch(losses, beyondLimit);
  }

  #storeBatch(losses: readonly Loss[], beyondLimit = false): void {
    const sequence = ++this.#last;
    const bytes = this.#builder.seal(sequence, losses, this.#accounting());
    this.#batches++;
    this.#storing = this.#storing
      .then(() => this.#store.append({ sequence, bytes }, beyondLimit))
      .then(this.#onStored);
  }

  #accounting(): Accounting {
    const lost = Object.values(this.#ledger.totals);
    return create(AccountingSchema, {
      startTimeUnixNano: this.#startTime,
      records: BigInt(this.#records),
      payloadBytes: BigInt(this.#payloadBytes),
      lostRecords: BigInt(lost.reduce((sum, { records }) => sum + records, 0)),
      lostPayloadBytes: BigInt(lost.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0)),
    });
  }
}
