import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { status, type ServerDuplexStream } from "@grpc/grpc-js";
import { ExportResponseSchema, type Hello } from "@tcptracker/proto";
import { setTimeout as delay } from "node:timers/promises";
import { ExportError } from "../errors.ts";
import { fromResource } from "../resource.ts";
import type { Exporters, Held } from "./exporters.ts";
import { peerOfCall } from "./listener.ts";
import type { CollectorEvent, CollectorLimits } from "./options.ts";
import type { Rates } from "./rate.ts";
import { readBatch, readRequest } from "./received.ts";

const ID_LENGTH = 16;

/** Milliseconds: a stream that ends while its peer owes for long does not wait that long to be gone. */
const LONGEST_WAIT = 500;

/** What a stream needs of its collector. */
export interface StreamContext {
  readonly exporters: Exporters;
  readonly rates: Rates;
  readonly limits: CollectorLimits;
  /** Whether this may be written: undefined, or why not. */
  readonly authorize: (authorization: string | undefined) => ExportError | undefined;
  /** A message of this peer has come, or the next one is read. */
  readonly onMessage: (peer: string, what: "came" | "done") => void;
  readonly onHello: (peer: string, change: 1 | -1) => void;
  readonly onBatch: (fresh: boolean, records: number, unknownRecords: number, bytes: number) => void;
  readonly onEvent: (event: CollectorEvent) => void;
}

/** One stream of an exporter: reads a message at a time, so that its sender waits while a batch is written. */
export class ExportStream {
  readonly #call: ServerDuplexStream<Buffer, Uint8Array>;
  readonly #context: StreamContext;
  readonly #peer: string;
  #helloTimer: NodeJS.Timeout | undefined;
  #exporter: string | undefined;
  #acknowledged = 0;
  #owed = 0;
  #writable = true;
  #over = false;
  #letGo: (() => void) | undefined;

  constructor(call: ServerDuplexStream<Buffer, Uint8Array>, context: StreamContext) {
    this.#call = call;
    this.#context = context;
    this.#peer = peerOfCall(call.getPeer());
    readOneAhead(call);
    call.on("cancelled", () => {
      this.#leave();
    });
    call.on("error", () => {
      this.#leave();
    });
    call.on("drain", () => {
      this.#writable = true;
      this.#acknowledge();
    });
    const refusal = context.authorize(call.metadata.get("authorization")[0]?.toString());
    if (refusal !== undefined) {
      this.#refuse(status.UNAUTHENTICATED, refusal);
      return;
    }
    this.#helloTimer = setTimeout(() => {
      this.#refuse(
        status.DEADLINE_EXCEEDED,
        new ExportError("ERR_EXPORT_TIMEOUT", `${this.#peer} has not said hello`),
      );
    }, context.limits.idleMs);
    call.on("data", (bytes: Buffer) => {
      call.pause();
      context.onMessage(this.#peer, "came");
      void this.#onMessage(bytes).then(() => {
        context.onMessage(this.#peer, "done");
        if (!this.#over) call.resume();
      });
    });
    call.on("end", () => {
      this.#leave();
      call.end();
    });
  }

  async #onMessage(bytes: Buffer): Promise<void> {
    if (this.#over) return;
    try {
      const message = readRequest(bytes);
      if (message.case === "hello") this.#onHello(message.value);
      else if (message.case === "batch") await this.#onBatch(message.value, bytes.length);
      // A kind of message of a later version asks for nothing that this one could do.
    } catch (error) {
      if (error instanceof ExportError && error.code === "ERR_EXPORT_MESSAGE")
        this.#refuse(status.INVALID_ARGUMENT, error);
      else {
        const reason = error instanceof Error ? error.message : String(error);
        this.#refuse(
          status.ABORTED,
          new ExportError("ERR_EXPORT_REFUSED", `cannot write what ${this.#peer} has sent: ${reason}`, {
            cause: error,
          }),
        );
      }
    }
  }

  #onHello({ exporterId, resource, acknowledgedBatch }: Hello): void {
    if (this.#exporter !== undefined)
      throw new ExportError("ERR_EXPORT_MESSAGE", "hello has been said already");
    const acknowledged = Number(acknowledgedBatch);
    if (exporterId.length !== ID_LENGTH || !Number.isSafeInteger(acknowledged))
      throw new ExportError("ERR_EXPORT_MESSAGE", "a hello needs an exporter_id of 16 bytes");
    clearTimeout(this.#helloTimer);
    const exporter = Buffer.from(exporterId).toString("hex");
    this.#exporter = exporter;
    const persisted = this.#context.exporters.enter(exporter, acknowledged);
    this.#acknowledged = persisted;
    this.#context.onHello(this.#peer, 1);
    this.#context.onEvent({ type: "connected", peer: this.#peer, resource: fromResource(resource) });
    const maxMessageBytes = this.#context.limits.messageBytes;
    this.#send({ case: "welcome", value: { persistedBatch: BigInt(persisted), maxMessageBytes } });
  }

  async #onBatch(message: Parameters<typeof readBatch>[1], bytes: number): Promise<void> {
    if (this.#exporter === undefined)
      throw new ExportError("ERR_EXPORT_MESSAGE", "a batch came before the hello");
    const batch = readBatch(this.#exporter, message);
    if (!(await this.#admit(bytes))) return;
    await this.#write(this.#exporter, { batch }, bytes);
  }

  /** When the stream ends, what was not written yet is let go: a sink may stall for longer than peers stay. */
  async #write(exporter: string, held: Held, bytes: number): Promise<void> {
    const { exporters, onBatch } = this.#context;
    const [records, unknownRecords] = [held.batch?.records.length ?? 0, held.batch?.unknownRecords ?? 0];
    const gone = Promise.withResolvers<undefined>();
    this.#letGo = () => {
      held.batch = undefined;
      gone.resolve(undefined);
    };
    const writing = exporters.write(exporter, held).then(({ fresh, highest }) => {
      // One that was let go is neither new nor a double.
      if (fresh || held.batch !== undefined) onBatch(fresh, records, unknownRecords, bytes);
      this.#owed = Math.max(this.#owed, highest);
      this.#acknowledge();
    });
    await Promise.race([writing, gone.promise]);
  }

  /**
   * Waits until the peer has no debt, and says whether the stream is still there then. A batch that is not written costs nothing, or
   * one that takes longer than its exporter waits would be sent and charged again for ever.
   */
  async #admit(bytes: number): Promise<boolean> {
    const { rates } = this.#context;
    const host = this.#peer.slice(0, this.#peer.lastIndexOf(":"));
    // Another stream of the same peer may have been admitted meanwhile.
    for (let debt = rates.debt(host); debt > 0 && !this.#over; debt = rates.debt(host))
      await delay(Math.min(debt, LONGEST_WAIT));
    if (!this.#over) rates.charge(host, bytes);
    return !this.#over;
  }

  /** Only the latest one counts, so one that does not read them does not make them pile up. */
  #acknowledge(): void {
    if (this.#over || !this.#writable || this.#owed <= this.#acknowledged) return;
    this.#acknowledged = this.#owed;
    this.#send({ case: "acknowledgement", value: { persistedBatch: BigInt(this.#owed) } });
  }

  #send(message: NonNullable<MessageInitShape<typeof ExportResponseSchema>["message"]>): void {
    if (this.#over) return;
    this.#writable = this.#call.write(
      toBinary(ExportResponseSchema, create(ExportResponseSchema, { message })),
    );
  }

  #refuse(code: status, error: ExportError): void {
    if (this.#over) return;
    this.#context.onEvent({ type: "refused", peer: this.#peer, error });
    this.#leave();
    this.#call.emit("error", Object.assign(new Error(error.message), { code, details: error.message }));
  }

  #leave(): void {
    clearTimeout(this.#helloTimer);
    if (this.#over) return;
    this.#over = true;
    this.#letGo?.();
    if (this.#exporter === undefined) return;
    this.#context.exporters.leave(this.#exporter);
    this.#context.onHello(this.#peer, -1);
    this.#context.onEvent({ type: "disconnected", peer: this.#peer });
  }
}

/** Node.js reads 16 messages ahead, and gRPC has no say in it: that would be memory that no limit knows. */
function readOneAhead(call: ServerDuplexStream<Buffer, Uint8Array>): void {
  const { _readableState: state } = call as unknown as {
    readonly _readableState?: { highWaterMark: number };
  };
  if (state !== undefined) state.highWaterMark = 1;
}
