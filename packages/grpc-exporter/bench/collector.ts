/**
 * The receiving end of `send.ts`, a process of its own. Only the hello is read; every message behind it is acknowledged by its
 * place in the stream and thrown away unread, so that the sender is what is measured. With `verify` it reads what comes, and
 * tells its parent at the end of each stream what the records were.
 *
 *   fork("collector.ts", [DIRECTORY_OF_CERTIFICATES, "discard" | "verify"])
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { toJson } from "@tcptracker/events";
import { ExportResponseSchema } from "@tcptracker/proto";
import { readBatch, readRequest } from "../src/collector/received.ts";
import { EXPORT_PATH } from "../src/transport/session.ts";

/** What a stream was, told by `verify`. */
export interface Received {
  readonly messages: number;
  /** Bytes of the messages, the hello not among them. */
  readonly bytes: number;
  readonly records: number;
  /** SHA-256 of the records as JSON, and of the sums of each batch. */
  readonly digest: string;
}

type Response = NonNullable<MessageInitShape<typeof ExportResponseSchema>["message"]>;

const [directory = "", mode] = process.argv.slice(2);

function receive(call: ServerDuplexStream<Buffer, Uint8Array>): void {
  const hash = createHash("sha256");
  const received = { messages: 0, bytes: 0, records: 0 };
  const answer = (message: Response): void => {
    call.write(toBinary(ExportResponseSchema, create(ExportResponseSchema, { message })));
  };
  let welcomed = false;
  call.on("data", (message: Buffer) => {
    if (!welcomed) {
      welcomed = true;
      answer({ case: "welcome", value: { persistedBatch: 0n, maxMessageBytes: 0 } });
      return;
    }
    received.messages++;
    received.bytes += message.length;
    if (mode === "verify") received.records += digest(message);
    answer({ case: "acknowledgement", value: { persistedBatch: BigInt(received.messages) } });
  });
  const digest = (message: Buffer): number => {
    const request = readRequest(message);
    if (request.case !== "batch")
      throw new Error(`a ${request.case ?? "message of no kind"} instead of a batch`);
    const { sequence, resource, records, accounting } = readBatch("bench", request.value);
    hash.update(
      JSON.stringify([sequence, resource, String(accounting?.records), String(accounting?.payloadBytes)]),
    );
    for (const record of records) hash.update(toJson(record));
    return records.length;
  };
  const tell = (): void => {
    if (mode === "verify") process.send?.({ ...received, digest: hash.digest("hex") } satisfies Received);
  };
  call.on("cancelled", tell);
  call.on("end", () => call.end());
  call.on("error", () => undefined);
}

const server = new Server({ "grpc.max_receive_message_length": -1 });
server.addService(
  {
    export: {
      path: EXPORT_PATH,
      requestStream: true,
      responseStream: true,
      requestDeserialize: (bytes: Buffer) => bytes,
      requestSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes),
    },
  },
  { export: receive },
);
const file = (name: string): Buffer => readFileSync(join(directory, name));
const credentials = ServerCredentials.createSsl(null, [
  { cert_chain: file("server.pem"), private_key: file("server-key.pem") },
]);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
// Its parent is gone.
process.on("disconnect", () => process.exit());
