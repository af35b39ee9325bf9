import { constants } from "node:crypto";
import { once } from "node:events";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
  type TLSSocket,
} from "node:tls";
import { ExportError } from "../errors.ts";
import { formatTarget, type Target } from "../transport/loopback.ts";
import { explainTlsError } from "../transport/tls-errors.ts";
import { explainHandshake, HANDSHAKE_RECORD, wantsTls } from "./handshake-errors.ts";
import type { CollectorLimits } from "./options.ts";

const SWEEP_MS = 1_000;
/** Bytes between two looks that are HTTP/2's own, such as its pings. */
const TRICKLE = 256;
const HANDSHAKE_MS = 10_000;
/** Bytes of a message that may take as long as they want: they are little, and HTTP/2 has some of its own. */
const SMALL = 64 * 1024;

/** One that is open. */
interface Connection {
  readonly socket: Socket;
  readonly address: string;
  /** Streams that have said hello. */
  streams: number;
  idleSince: number;
  /** Of its bytes, those before the message that is on its way; and when that was last known to be so. */
  finished: number;
  finishedAt: number;
  /** Its bytes when it was last looked at. */
  looked: number;
  /** Messages of it that are not dealt with: meanwhile the next ones wait, and that is not their fault. */
  waiting: number;
}

export interface ListenerOptions {
  readonly listen: Target;
  /** Undefined: plaintext. */
  readonly tls: SecureContextOptions | undefined;
  /** Whether agents need a certificate. */
  readonly mutual: boolean;
  readonly limits: CollectorLimits;
  readonly onSocket: (socket: Socket) => void;
  readonly onRefused: (peer: string, error: ExportError) => void;
  /** Told when a connection cannot be accepted. */
  readonly onProblem: (error: ExportError) => void;
}

/**
 * Accepts connections, within limits, before anything of HTTP/2 is spent on them; and closes those that do nothing. gRPC's own
 * server would neither count them, nor say why TLS has failed, nor take other certificates later.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #tlsServer: TlsServer | undefined;
  readonly #connections = new Map<string, Connection>();
  readonly #perPeer = new Map<string, number>();
  readonly #sweeper: NodeJS.Timeout;
  #listening = false;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const { tls, mutual, limits } = options;
    this.#server = createTcpServer((socket) => {
      this.#accept(socket);
    });
    this.#server.on("error", (cause) => {
      const message = `cannot accept a connection: ${cause.message}`;
      if (this.#listening) options.onProblem(new ExportError("ERR_EXPORT_REFUSED", message, { cause }));
    });
    if (tls !== undefined) {
      // It never listens: what is accepted is handed on to it.
      this.#tlsServer = createTlsServer(
        {
          ...withoutTickets(tls),
          ALPNProtocols: ["h2"],
          handshakeTimeout: HANDSHAKE_MS,
          requestCert: mutual,
          // Checked below: Node.js would hang up and tell nobody why.
          rejectUnauthorized: false,
        },
        (socket) => {
          this.#admit(socket);
        },
      );
      this.#tlsServer.on("tlsClientError", (error, socket) => {
        const below = parentOf(socket) ?? socket;
        // Who only looks whether somebody listens is not refused anything.
        if (below.bytesRead === 0) return;
        const peer = peerOf(below);
        options.onRefused(peer, explainHandshake(peer, error));
      });
    }
    this.#sweeper = setInterval(
      () => {
        this.#sweep();
      },
      Math.min(SWEEP_MS, limits.idleMs, limits.messageMs),
    ).unref();
  }

  /** @throws {@link ExportError} ERR_EXPORT_OPTION when the address cannot be listened on */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    try {
      listener.#server.listen(options.listen.port, options.listen.host);
      await once(listener.#server, "listening");
      listener.#listening = true;
    } catch (cause) {
      clearInterval(listener.#sweeper);
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ExportError(
        "ERR_EXPORT_OPTION",
        `cannot listen on ${formatTarget(options.listen)}: ${reason}`,
        { cause },
      );
    }
    return listener;
  }

  /** Where it listens. */
  get address(): Target {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** New connections get these certificates. */
  renew(tls: SecureContextOptions): void {
    this.#tlsServer?.setSecureContext(withoutTickets(tls));
  }

  /** A stream of this peer has said hello (1), or one that had has ended (-1). */
  countStream(peer: string, change: 1 | -1): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.streams += change;
    connection.idleSince = performance.now();
  }

  /** A message of this peer has come, whole; or is dealt with, so that the next one is read. */
  countMessage(peer: string, what: "came" | "done"): void {
    const connection = this.#connections.get(peer);
    if (connection === undefined) return;
    connection.waiting += what === "came" ? 1 : -1;
    connection.finishedAt = performance.now();
    if (what === "came") connection.finished = connection.socket.bytesRead;
  }

  /** Accepts no more, and closes what is open. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#server.close();
    for (const { socket } of this.#connections.values()) socket.destroy();
    await once(this.#server, "close");
  }

  #accept(socket: Socket): void {
    const { limits, onRefused } = this.#options;
    // Whoever owns it later hears of errors, too.
    socket.on("error", () => undefined);
    const [peer, address] = [peerOf(socket), socket.remoteAddress ?? ""];
    const ofPeer = this.#perPeer.get(address) ?? 0;
    if (this.#connections.size >= limits.connections || ofPeer >= limits.connectionsPerPeer) {
      socket.destroy();
      onRefused(peer, new ExportError("ERR_EXPORT_REFUSED", `${peer}: there are too many connections`));
      return;
    }
    const now = performance.now();
    this.#connections.set(peer, {
      ...{ socket, address, streams: 0, idleSince: now },
      ...{ finished: 0, finishedAt: now, looked: 0, waiting: 0 },
    });
    this.#perPeer.set(address, ofPeer + 1);
    socket.once("close", () => {
      this.#connections.delete(peer);
      const left = (this.#perPeer.get(address) ?? 1) - 1;
      if (left > 0) this.#perPeer.set(address, left);
      else this.#perPeer.delete(address);
    });
    if (this.#tlsServer === undefined) this.#admitPlaintext(socket, peer);
    else this.#tlsServer.emit("connection", socket);
  }

  /** HTTP/2 answers what is not HTTP/2, and says nothing here: so who speaks TLS would not be known. */
  #admitPlaintext(socket: Socket, peer: string): void {
    const { onRefused, onSocket } = this.#options;
    socket.once("readable", () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return;
      if (first[0] === HANDSHAKE_RECORD) onRefused(peer, wantsTls(peer));
      socket.unshift(first);
      onSocket(socket);
    });
  }

  /** The handshake is done; a client certificate has to be there if one is wanted, and be good. */
  #admit(socket: TLSSocket): void {
    const { mutual, onSocket, onRefused } = this.#options;
    if (!mutual || socket.authorized) {
      onSocket(socket);
      return;
    }
    const peer = peerOf(socket);
    const without = Object.keys(socket.getPeerCertificate()).length === 0;
    const error = without
      ? new ExportError("ERR_EXPORT_CERTIFICATE_CLIENT", `${peer} has no client certificate`)
      : explainTlsError(peer, {
          code: String(socket.authorizationError),
          message: String(socket.authorizationError),
        });
    socket.destroy();
    onRefused(peer, error);
  }

  #sweep(): void {
    const { limits } = this.#options;
    const now = performance.now();
    const unfinished: (readonly [string, number])[] = [];
    let sum = 0;
    for (const [peer, connection] of this.#connections) {
      const { socket, streams, idleSince, looked } = connection;
      if (streams === 0 && now - idleSince >= limits.idleMs) {
        this.#end(peer, "ERR_EXPORT_TIMEOUT", "is connected and sends nothing");
        continue;
      }
      const fresh = socket.bytesRead - looked;
      connection.looked += fresh;
      if (fresh < TRICKLE) connection.finished = Math.min(connection.finished + fresh, socket.bytesRead);
      if (connection.waiting > 0) continue;
      const bytes = socket.bytesRead - connection.finished;
      if (bytes > SMALL && now - connection.finishedAt >= limits.messageMs) {
        this.#end(peer, "ERR_EXPORT_TIMEOUT", "has begun a message and does not end it");
        continue;
      }
      unfinished.push([peer, bytes]);
      sum += bytes;
    }
    unfinished.sort(([, one], [, other]) => other - one);
    for (const [peer, bytes] of unfinished) {
      if (sum <= limits.unfinishedBytes) break;
      sum -= bytes;
      this.#end(peer, "ERR_EXPORT_REFUSED", "has begun one of too many messages at the same time");
    }
  }

  #end(peer: string, code: "ERR_EXPORT_TIMEOUT" | "ERR_EXPORT_REFUSED", why: string): void {
    this.#connections.get(peer)?.socket.destroy();
    this.#options.onRefused(peer, new ExportError(code, `${peer} ${why}`));
  }
}

/** A client that comes back with a ticket would not be asked for a certificate, though its authority is no longer one. */
function withoutTickets(tls: SecureContextOptions): SecureContextOptions {
  return { ...tls, secureOptions: (tls.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET };
}

/** The connection below: of one that was reset TLS no longer knows the address. Node.js has no public name for it. */
function parentOf(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent;
}

/** `192.0.2.1:40000`, `[2001:db8::1]:40000`. */
export function peerOf({ remoteAddress = "?", remotePort = 0 }: Socket): string {
  return nameOf(remoteAddress, remotePort);
}

/** The same for what gRPC calls a peer: its address and port with a colon between them, also where the address has some. */
export function peerOfCall(peer: string): string {
  const colon = peer.lastIndexOf(":");
  return nameOf(peer.slice(0, colon), Number(peer.slice(colon + 1)));
}

/** IPv4 through a socket of IPv6 is IPv4. */
function nameOf(address: string, port: number): string {
  return formatTarget({ host: address.replace(/^::ffff:(?=\d+\.)/i, ""), port });
}
