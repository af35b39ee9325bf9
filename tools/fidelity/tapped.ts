/** The ends of connections as the tap tells them. */
import { StreamAssembler, type Direction, type Endpoint, type TapRecord } from "@tcptracker/events";

/** A stretch of a direction: its bytes, or why the tap does not have them. */
export type Piece =
  | { readonly offset: number; readonly bytes: Uint8Array }
  | { readonly offset: number; readonly size: number; readonly cause: string };

/** One end of one connection. */
export interface TappedEnd {
  /** The connection's id. */
  readonly id: string;
  readonly process: string;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly joined: string;
  /** Whether the tap saw its end. */
  readonly closed: boolean;
  /** In order; each begins where the one before it ends. */
  readonly egress: readonly Piece[];
  readonly ingress: readonly Piece[];
}

interface State {
  readonly first: TapRecord;
  readonly egress: Piece[];
  readonly ingress: Piece[];
  closed: boolean;
}

/** Collects the records of connections to some ports and puts them in order, as a user of the tap would. */
export class TappedEnds {
  readonly #ports: ReadonlySet<number>;
  readonly #states = new Map<string, State>();
  readonly #assembler = new StreamAssembler({ window: 16384, maxBufferedBytes: 256 << 20 });

  constructor(ports: readonly number[]) {
    this.#ports = new Set(ports);
  }

  /** Whether a record is of a connection to one of the ports. */
  isOurs({ local, remote }: TapRecord): boolean {
    return this.#ports.has(local.port) || this.#ports.has(remote.port);
  }

  add(record: TapRecord): void {
    if (!this.isOurs(record)) return;
    const { id } = record.connection;
    let state = this.#states.get(id);
    if (state === undefined) {
      state = { first: record, egress: [], ingress: [], closed: false };
      this.#states.set(id, state);
    }
    if (record.type === "close") state.closed = true;
    this.#keep(this.#assembler.push(record));
  }

  /** Bytes that records told twice, or after the close record. */
  get repeatedBytes(): number {
    return Number(this.#assembler.stats.discardedBytes);
  }

  /** Every end, in the order in which the tap saw them first. */
  finish(): TappedEnd[] {
    this.#keep(this.#assembler.flush());
    return Array.from(this.#states.values(), ({ first, closed, egress, ingress }) => ({
      id: first.connection.id,
      process: `${first.process.name ?? "?"}[${first.process.pid}]`,
      local: first.local,
      remote: first.remote,
      joined: first.connection.joined,
      closed,
      egress,
      ingress,
    }));
  }

  #keep(segments: ReturnType<StreamAssembler["push"]>): void {
    for (const segment of segments) {
      const pieces = this.#piecesOf(segment.connection, segment.direction);
      const offset = Number(segment.offset);
      if (segment.type === "data") pieces?.push({ offset, bytes: segment.bytes });
      else if (segment.type === "gap")
        pieces?.push({ offset, size: Number(segment.size), cause: segment.cause });
    }
  }

  #piecesOf(connection: string, direction: Direction): Piece[] | undefined {
    return this.#states.get(connection)?.[direction];
  }
}
