import {
  Client,
  credentials,
  Metadata,
  status,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientOptions,
  type StatusObject,
} from "@grpc/grpc-js";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type SecureContextOptions } from "node:tls";
import { CollectorService, ExportRequestSchema, ExportResponseSchema } from "@tcptracker/proto";
import type { Hello } from "@tcptracker/proto";
import { ExportError } from "../errors.ts";
import type { BatchStore, TakenBatch } from "../store/store.ts";
import { Wake } from "../wake.ts";
import { formatTarget, type Target } from "./loopback.ts";

const { typeName, method } = CollectorService;
export const EXPORT_PATH: string = `/${typeName}/${method.export.name}`;

const KEEP_ALIVE: ClientOptions = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
  // A channel of its own for every session: gRPC would else share connections, and old credentials with them.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  // What goes to loopback stays there, and TLS ends at the collector: no proxy of the environment is asked.
  "grpc.enable_http_proxy": 0,
  // Reconnecting is the exporter's: it knows what to say first.
  "grpc.max_reconnect_backoff_ms": 60_000,
  "grpc.initial_reconnect_backoff_ms": 60_000,
};

/** How a session goes about it. */
export interface SessionOptions {
  readonly target: Target;
  /** Without it, plaintext. */
  readonly tls: SecureContextOptions | undefined;
  readonly token: string | undefined;
  readonly hello: Omit<Hello, "$typeName" | "$unknown">;
  /** Bytes that may be sent and not acknowledged. */
  readonly window: number;
  /** Milliseconds for a connection and a welcome, and for the acknowledgement of what was sent. */
  readonly connectTimeout: number;
  readonly ackTimeout: number;
  /** Told when the collector is ready. */
  readonly onWelcome: () => void;
  /** Told of each batch that is sent and of each acknowledgement. */
  readonly onSent: (again: boolean, bytes: number) => void;
  readonly onAcknowledged: (sequence: number) => void;
  /** Told of the bytes of each batch that was sent and is acknowledged: nobody needs them any more. */
  readonly onReleased: (bytes: Uint8Array<ArrayBuffer>) => void;
}

/** A batch that is sent and not acknowledged. */
interface InFlight {
  readonly sequence: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly since: number;
  /** Whether gRPC has a copy of its own. */
  isCopied: boolean;
}

/** One stream to a collector, from hello to its end. */
export class Session {
  readonly #options: SessionOptions;
  readonly #store: BatchStore;
  readonly #wake = new Wake();
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Uint8Array, Buffer>;
  #inFlight: InFlight[] = [];
  #inFlightBytes = 0;
  #welcomed = false;
  #writable = true;
  /** Bytes of a message that the collector takes. */
  #largest = Infinity;
  #leaving = false;
  #end: StatusObject | ExportError | undefined;

  constructor(options: SessionOptions, store: BatchStore) {
    this.#options = options;
    this.#store = store;
    const { target, tls } = options;
    this.#client = new Client(formatTarget(target), channelCredentials(tls, target), {
      ...KEEP_ALIVE,
      // An address is no server name (RFC 6066), and gRPC would send it as one.
      ...(isIP(target.host) === 0 ? {} : { "grpc.ssl_target_name_override": "address.invalid" }),
    });
    const metadata = new Metadata();
    if (options.token !== undefined) metadata.set("authorization", `Bearer ${options.token}`);
    this.#call = this.#client.makeBidiStreamRequest(EXPORT_PATH, asBuffer, (bytes) => bytes, metadata);
    this.#call.on("data", (bytes: Buffer) => {
      this.#onMessage(bytes);
    });
    this.#call.on("drain", () => {
      this.#writable = true;
      this.#wake.call();
    });
    // 'status' follows and says it better.
    this.#call.on("error", () => undefined);
    this.#call.on("status", (end: StatusObject) => {
      this.#finish(end);
    });
  }

  /** Bytes that were sent and not acknowledged. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  get inFlightBatches(): number {
    return this.#inFlight.length;
  }

  /** There is a new batch in the store. */
  notify(): void {
    this.#wake.call();
  }

  /** Sends nothing more; the session ends when all that was sent is acknowledged. */
  leave(): void {
    this.#leaving = true;
    this.#wake.call();
  }

  /** Ends it now. */
  abort(): void {
    this.#finish(new ExportError("ERR_EXPORT_CLOSED", "the exporter was closed"));
  }

  /** Sends what the store has, until the stream ends: undefined after {@link leave}, else why. */
  async run(): Promise<StatusObject | ExportError | undefined> {
    const { hello, connectTimeout, ackTimeout, target } = this.#options;
    const began = performance.now();
    const timer = setInterval(
      () => {
        const now = performance.now();
        const oldest = this.#inFlight[0];
        if (!this.#welcomed && now - began > connectTimeout)
          this.#late(`${formatTarget(target)} gives no answer`);
        else if (oldest !== undefined && now - oldest.since > ackTimeout)
          this.#late(`${formatTarget(target)} does not acknowledge what it was sent`);
      },
      Math.min(1_000, connectTimeout / 4, ackTimeout / 4),
    );
    try {
      this.#write(
        toBinary(
          ExportRequestSchema,
          create(ExportRequestSchema, { message: { case: "hello", value: hello } }),
        ),
      );
      await this.#send();
      return this.#end;
    } finally {
      clearInterval(timer);
      this.#call.cancel();
      this.#client.close();
    }
  }

  async #send(): Promise<void> {
    let last = this.#store.acknowledged;
    while (this.#end === undefined) {
      if (this.#leaving && this.#inFlight.length === 0) return;
      const open = this.#welcomed && this.#writable && this.#inFlightBytes < this.#options.window;
      last = Math.max(last, this.#store.acknowledged);
      const batch = open && !this.#leaving ? await this.#take(last) : undefined;
      // The stream may have ended while the batch was read.
      if (this.#isOver()) return;
      if (batch === undefined) {
        await this.#wake.wait();
        continue;
      }
      const { sequence, bytes, again } = batch;
      last = sequence;
      if (bytes.length > this.#largest) {
        await this.#store.reject(sequence);
        continue;
      }
      const sent: InFlight = { sequence, bytes, since: performance.now(), isCopied: false };
      this.#inFlight.push(sent);
      this.#inFlightBytes += bytes.length;
      this.#write(bytes, () => (sent.isCopied = true));
      this.#options.onSent(again, bytes.length);
    }
  }

  /** The session ends when the store cannot note that a batch is sent. */
  async #take(last: number): Promise<TakenBatch | undefined> {
    try {
      return await this.#store.take(last);
    } catch (cause) {
      this.#finish(spoolError(cause));
      return undefined;
    }
  }

  #isOver(): boolean {
    return this.#end !== undefined;
  }

  #write(bytes: Uint8Array, onCopied?: () => void): void {
    this.#writable = this.#call.write(bytes, onCopied);
  }

  #onMessage(bytes: Buffer): void {
    let message;
    try {
      ({ message } = fromBinary(ExportResponseSchema, bytes));
    } catch (cause) {
      this.#finish(
        new ExportError("ERR_EXPORT_MESSAGE", "the collector's answer is not one of tcptracker.v1", {
          cause,
        }),
      );
      return;
    }
    if (message.case === "welcome") {
      const persisted = Number(message.value.persistedBatch);
      if (persisted > this.#store.known) {
        this.#renew(persisted);
        return;
      }
      this.#acknowledge(persisted);
      this.#welcomed = true;
      if (message.value.maxMessageBytes > 0) this.#largest = message.value.maxMessageBytes;
      this.#options.onWelcome();
      this.#wake.call();
    } else if (message.case === "acknowledgement") this.#acknowledge(Number(message.value.persistedBatch));
  }

  /**
   * The collector has batches of this exporter that this one has not made: the spool is older than that, a copy, say. New
   * batches by the same numbers would count as those, and be left out.
   */
  #renew(persisted: number): void {
    const { known } = this.#store;
    try {
      this.#store.renew();
      const message = `the collector has ${persisted} batches of this exporter, of which only ${known} are known here: an old copy of the spool? It goes on as another exporter`;
      this.#finish(new ExportError("ERR_EXPORT_SPOOL", message));
    } catch (cause) {
      this.#finish(spoolError(cause));
    }
  }

  /** A collector may know only of what was sent: anything else would lose what is not. */
  #acknowledge(sequence: number): void {
    const upTo = Math.min(sequence, this.#store.sent);
    const done = this.#inFlight.findIndex((batch) => batch.sequence > upTo);
    const released = this.#inFlight.splice(0, done === -1 ? this.#inFlight.length : done);
    for (const { bytes } of released) this.#inFlightBytes -= bytes.length;
    if (upTo > this.#store.acknowledged) {
      this.#store.acknowledge(upTo);
      this.#options.onAcknowledged(upTo);
    }
    // Only now, when the store has forgotten them. A collector may have them by another way, before they are sent here.
    for (const { bytes, isCopied } of released) if (isCopied) this.#options.onReleased(bytes);
    this.#wake.call();
  }

  #late(message: string): void {
    this.#finish(new ExportError("ERR_EXPORT_TIMEOUT", message));
  }

  #finish(end: StatusObject | ExportError): void {
    this.#end ??= end;
    this.#wake.call();
  }
}

function spoolError(cause: unknown): ExportError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ExportError("ERR_EXPORT_SPOOL", `cannot note in the spool what is sent: ${reason}`, { cause });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function channelCredentials(tls: SecureContextOptions | undefined, { host }: Target): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createFromSecureContext(createSecureContext(tls), {
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  });
}

/** What the end of a stream means. */
export function explainStatus({ code, details }: StatusObject, target: Target): ExportError {
  const who = formatTarget(target);
  if (code === status.UNAUTHENTICATED || code === status.PERMISSION_DENIED)
    return new ExportError("ERR_EXPORT_UNAUTHENTICATED", `${who} does not accept the token: ${details}`);
  if (code === status.UNAVAILABLE || code === status.OK)
    return new ExportError("ERR_EXPORT_UNREACHABLE", `${who} has gone away: ${withoutTimes(details)}`);
  if (code === status.UNIMPLEMENTED)
    return new ExportError("ERR_EXPORT_REFUSED", `${who} is not a tcptracker collector: ${details}`);
  return new ExportError("ERR_EXPORT_REFUSED", `${who} has ended the stream: ${status[code]}: ${details}`);
}

/** gRPC says when, and notes that are empty; without them the same trouble has the same text. */
function withoutTimes(details: string): string {
  return details.replace(/ \(\d{4}-[^()]*Z\)/g, "").replace(/ Resolution note: $/, "");
}
