import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { Duplex } from "node:stream";
import { StreamAssembler, type Direction, type Segment, type TapRecord } from "@tcptracker/events";

/** A connection that only listens: what the parser answers goes nowhere. */
class ReplayedConnection extends Duplex {
  override _read(): void {
    // Bytes come by push() when the tap has them.
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    done();
  }
}

/** Counts the complete HTTP requests in tapped connections, with Node's own HTTP parser. */
export class RequestCounter {
  readonly #direction: Direction;
  readonly #assembler = new StreamAssembler();
  readonly #connections = new Map<string, ReplayedConnection>();
  readonly #parser: Server;
  #requests = 0;

  /** @param direction - in which the tapped process sees requests: a client sends them, a server receives them */
  constructor(direction: Direction) {
    this.#direction = direction;
    this.#parser = createServer((request, response) => {
      request.resume().on("end", () => {
        this.#requests++;
        response.end();
      });
    });
  }

  add(record: TapRecord): void {
    for (const segment of this.#assembler.push(record)) this.#replay(segment);
  }

  /** The number of requests, once everything that was tapped has been parsed. */
  async finish(): Promise<number> {
    for (const segment of this.#assembler.flush()) this.#replay(segment);
    for (const connection of this.#connections.values()) {
      connection.push(null);
      // The parser closes its side after the last answer, or at once after nonsense.
      if (!connection.closed) await once(connection, "close");
    }
    return this.#requests;
  }

  #replay(segment: Segment): void {
    if (segment.direction === this.#direction && segment.type === "data")
      this.#connection(segment.connection).push(segment.bytes);
  }

  #connection(id: string): ReplayedConnection {
    let connection = this.#connections.get(id);
    if (connection === undefined) {
      connection = new ReplayedConnection();
      this.#connections.set(id, connection);
      this.#parser.emit("connection", connection);
    }
    return connection;
  }
}
