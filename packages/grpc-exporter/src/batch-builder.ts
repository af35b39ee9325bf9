import { toBinary } from "@bufbuild/protobuf";
import type { RecordFields, TapRecord } from "@tcptracker/events";
import { AccountingSchema, LossSchema, RecordSchema } from "@tcptracker/proto";
import type { Accounting, Loss, Record } from "@tcptracker/proto";
import type { BatchMemory } from "./batch-memory.ts";
import { ByteWriter, varintSize } from "./encode/byte-writer.ts";
import type { FieldsEncoder } from "./encode/encode-fields.ts";
import { encodeRecord, writeCount } from "./encode/encode-record.ts";
import { bytesTag } from "./encode/tags.ts";
import { ExportError } from "./errors.ts";

/** The fields of `Batch`. */
const BATCH = { sequence: 1, resource: 2, records: 3, losses: 4, accounting: 5 } as const;
/** Of `ExportRequest`. */
const BATCH_IN_REQUEST = bytesTag(2);
/** Room for the tag and length that stand before the batch, and are known last. */
const HEADROOM = 8;

/** A record must fit into a message that every collector takes (1 MiB). */
const LARGEST_PAYLOAD = 512 * 1024;

/** Writes the batch that is being filled, as the bytes of an `ExportRequest`. */
export class BatchBuilder {
  readonly #writer: ByteWriter;
  readonly #resource: Uint8Array;
  readonly #memory: BatchMemory;
  #records = 0;

  /** `resource`: the bytes of a Resource. `capacity`: bytes that a batch is expected to have. `memory`: for those that are ended. */
  constructor(resource: Uint8Array, capacity: number, memory: BatchMemory) {
    this.#resource = resource;
    this.#memory = memory;
    this.#writer = new ByteWriter(capacity);
    this.#writer.at = HEADROOM;
  }

  /** Records in it. */
  get records(): number {
    return this.#records;
  }

  /** Bytes in it. */
  get bytes(): number {
    return this.#writer.at - HEADROOM;
  }

  /**
   * Adds a record.
   *
   * @throws {@link ExportError} ERR_EXPORT_MESSAGE for a payload of more than 512 KiB; records of a tap have 64 KiB at most
   */
  add(record: TapRecord): void {
    if (record.type === "data" && (record.payload?.length ?? 0) > LARGEST_PAYLOAD)
      throw new ExportError("ERR_EXPORT_MESSAGE", "the payload of a record is larger than 512 KiB; split it");
    encodeRecord(this.#writer, bytesTag(BATCH.records), record);
    this.#records++;
  }

  /** Adds the record that `fields` stands at. */
  addFields(encoder: FieldsEncoder, fields: RecordFields): void {
    encoder.encode(this.#writer, bytesTag(BATCH.records), fields);
    this.#records++;
  }

  /** Adds a record that is a message already. */
  addMessage(record: Record): void {
    this.#message(BATCH.records, toBinary(RecordSchema, record));
    this.#records++;
  }

  /** Ends the batch and begins the next one; the bytes are the caller's. */
  seal(sequence: number, losses: readonly Loss[], accounting: Accounting): Uint8Array<ArrayBuffer> {
    const writer = this.#writer;
    writer.reserve(16);
    writeCount(writer, BATCH.sequence, sequence);
    this.#message(BATCH.resource, this.#resource);
    for (const loss of losses) this.#message(BATCH.losses, toBinary(LossSchema, loss));
    this.#message(BATCH.accounting, toBinary(AccountingSchema, accounting));
    const length = writer.at - HEADROOM;
    const end = writer.at;
    const start = HEADROOM - 1 - varintSize(length);
    writer.at = start;
    writer.byte(BATCH_IN_REQUEST);
    writer.varint(length);
    const sealed = this.#memory.copy(writer.bytes.subarray(start, end));
    writer.at = HEADROOM;
    this.#records = 0;
    return sealed;
  }

  #message(number: number, bytes: Uint8Array): void {
    const writer = this.#writer;
    writer.reserve(bytes.length + 8);
    writer.byte(bytesTag(number));
    writer.varint(bytes.length);
    writer.raw(bytes, 0, bytes.length);
  }
}
