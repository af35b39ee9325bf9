import { fromBinary } from "@bufbuild/protobuf";
import type { TapRecord } from "@tcptracker/events";
import { ExportRequestSchema, type Accounting, type ExportRequest, type Loss } from "@tcptracker/proto";
import { fromProto } from "../encode/from-proto.ts";
import { ExportError } from "../errors.ts";
import { fromResource, type ExportResource } from "../resource.ts";
import { checkElements } from "./elements.ts";

/** A batch that a collector has received. */
export interface ReceivedBatch {
  /** Whose it is: 32 hexadecimal digits. */
  readonly exporter: string;
  /** Its number among those of this exporter. */
  readonly sequence: number;
  /** Where its records come from. */
  readonly resource: ExportResource;
  readonly records: readonly TapRecord[];
  /** Records of a later version, which are not among `records`. */
  readonly unknownRecords: number;
  /** What the exporter had to give up before this batch. */
  readonly losses: readonly Loss[];
  /** Its sums, of the process that made it, up to here; absent if it does not count. */
  readonly accounting?: Accounting;
}

/** Where a collector puts what it receives. */
export interface BatchSink {
  /** Resolves when the batch is as safe as it gets: then it is acknowledged, and its exporter forgets it. */
  write(batch: ReceivedBatch): Promise<void>;
  /** The highest batch of this exporter that an earlier process has written; 0 if it has not or nobody knows. */
  persisted?(exporter: string): number;
}

/**
 * Reads a message.
 *
 * @throws {@link ExportError} ERR_EXPORT_MESSAGE for what is not one
 */
export function readRequest(bytes: Uint8Array): ExportRequest["message"] {
  try {
    checkElements(ExportRequestSchema, bytes);
    return fromBinary(ExportRequestSchema, bytes).message;
  } catch (cause) {
    if (cause instanceof ExportError) throw cause;
    throw new ExportError("ERR_EXPORT_MESSAGE", "this is not a message of tcptracker.v1", { cause });
  }
}

type Batch = Extract<ExportRequest["message"], { case: "batch" }>["value"];

/** The batch of a message. @throws {@link ExportError} ERR_EXPORT_MESSAGE for a number that makes no sense */
export function readBatch(exporter: string, batch: Batch): ReceivedBatch {
  const sequence = Number(batch.sequence);
  if (!Number.isSafeInteger(sequence) || sequence === 0)
    throw new ExportError("ERR_EXPORT_MESSAGE", `the number of a batch is ${batch.sequence}`);
  const records: TapRecord[] = [];
  let unknownRecords = 0;
  for (const record of batch.records) {
    try {
      records.push(fromProto(record));
    } catch (error) {
      if (!(error instanceof ExportError)) throw error;
      unknownRecords++;
    }
  }
  const { accounting, losses } = batch;
  const resource = fromResource(batch.resource);
  return {
    ...{ exporter, sequence, resource, records, unknownRecords, losses },
    ...(accounting === undefined ? {} : { accounting }),
  };
}
