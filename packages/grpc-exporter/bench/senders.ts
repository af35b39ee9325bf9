/** Ways to bring records from the ring to a collector. All send the same records in the same batches. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExportRequestSchema } from "@tcptracker/proto";
import { toProto } from "../src/encode/to-proto.ts";
import { ExportError } from "../src/errors.ts";
import { GrpcExporter } from "../src/exporter.ts";
import { resolveExporterOptions, type ExporterOptions } from "../src/options.ts";
import { readResource, toResource } from "../src/resource.ts";
import { MemoryStore } from "../src/store/memory-store.ts";
import { Session } from "../src/transport/session.ts";
import { EPOCH, objectsOf } from "./ring.ts";

/** One way. */
export interface Sender {
  /** Sends the records of a ring's batch as one batch. */
  send(batch: Uint8Array): Promise<void>;
  /** Batches that are not acknowledged. */
  readonly waiting: number;
  close(): Promise<void>;
}

export const SENDERS = ["ring", "objects", "generic", "again"] as const;
/**
 * - `ring`: `GrpcExporter.writeRaw()`
 * - `objects`: the records as objects, and `GrpcExporter.write()`: what a tap does
 * - `generic`: the same objects as messages of protobuf-es, made by `create()` and encoded by `toBinary()`
 * - `again`: the bytes of the first batch, again and again: what is left when nothing is encoded
 */
export type SenderName = (typeof SENDERS)[number];

const RESOURCE = readResource("bench");

/** Connects to the collector at this port of loopback. `pki`: a directory with its `ca.pem`. */
export async function startSender(name: SenderName, port: number, pki: string): Promise<Sender> {
  const ca = join(pki, "ca.pem");
  const options = { target: { host: "127.0.0.1", port }, resource: RESOURCE, tls: { ca } };
  if (name === "ring" || name === "objects") return startExporter(name, options);
  return new MessageSender(options, readFileSync(ca), name === "generic" ? genericEncoder() : encodeOnce());
}

async function startExporter(name: "ring" | "objects", options: ExporterOptions): Promise<Sender> {
  const exporter = await GrpcExporter.start(options);
  return {
    async send(batch) {
      await (name === "ring" ? exporter.writeRaw(batch, EPOCH) : exporter.write(objectsOf(batch)));
      await exporter.flush();
    },
    get waiting() {
      return exporter.statistics().waitingBatches;
    },
    async close() {
      const { batches } = await exporter.close();
      if (batches > 0) throw new Error(`${batches} batches were not acknowledged`);
    },
  };
}

/** Makes the bytes of an ExportRequest. */
type Encode = (batch: Uint8Array, sequence: number) => Uint8Array<ArrayBuffer>;

/** All by protobuf-es; the sums of `Accounting` are those that the exporter sends. */
function genericEncoder(): Encode {
  const resource = toResource(RESOURCE);
  let [sent, payloadBytes] = [0, 0];
  return (batch, sequence) => {
    const records = objectsOf(batch);
    sent += records.length;
    for (const record of records) if (record.type === "data") payloadBytes += record.payload?.length ?? 0;
    const value = {
      ...{ sequence: BigInt(sequence), resource, records: records.map(toProto) },
      accounting: { records: BigInt(sent), payloadBytes: BigInt(payloadBytes) },
    };
    return toBinary(ExportRequestSchema, create(ExportRequestSchema, { message: { case: "batch", value } }));
  };
}

function encodeOnce(): Encode {
  const encode = genericEncoder();
  let first: Uint8Array<ArrayBuffer> | undefined;
  return (batch, sequence) => (first ??= encode(batch, sequence));
}

/** The exporter's own queue and stream, for messages that are made elsewhere. */
class MessageSender implements Sender {
  readonly #encode: Encode;
  readonly #store: MemoryStore;
  readonly #session: Session;
  readonly #end: Promise<unknown>;

  constructor(options: ExporterOptions, ca: Buffer, encode: Encode) {
    this.#encode = encode;
    const { target, resource, queueBytes, windowBytes, connectTimeoutMs, ackTimeoutMs } =
      resolveExporterOptions(options);
    this.#store = new MemoryStore(queueBytes, ({ cause }) => {
      throw new Error(`a batch was given up: ${cause}`);
    });
    const hello = { exporterId: this.#store.id, resource: toResource(resource), acknowledgedBatch: 0n };
    this.#session = new Session(
      {
        ...{ target, tls: { ca }, token: undefined, hello, window: windowBytes },
        ...{ connectTimeout: connectTimeoutMs, ackTimeout: ackTimeoutMs },
        onWelcome: () => undefined,
        onSent: () => undefined,
        onAcknowledged: () => undefined,
        onReleased: () => undefined,
      },
      this.#store,
    );
    this.#end = this.#session.run();
  }

  get waiting(): number {
    return this.#store.batches;
  }

  async send(batch: Uint8Array): Promise<void> {
    const sequence = this.#store.last + 1;
    await this.#store.append({ sequence, bytes: this.#encode(batch, sequence) });
    this.#session.notify();
  }

  async close(): Promise<void> {
    this.#session.leave();
    const end = await this.#end;
    if (end instanceof ExportError) throw end;
    if (end !== undefined) throw new Error(`the stream has ended: ${JSON.stringify(end)}`);
  }
}
