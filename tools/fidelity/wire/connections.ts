/** The connections of a capture. */
import type { Endpoint } from "@tcptracker/events";
import type { WireSegment } from "./segment.ts";
import { WireStream, type WireBytes } from "./stream.ts";

/** A connection as the wire tells it. */
export interface WireConnection {
  readonly stream: number;
  /** Who asked for the connection. */
  readonly client: Endpoint;
  readonly server: Endpoint;
  /** Whether either side reset it. */
  readonly reset: boolean;
  readonly toServer: WireBytes;
  readonly toClient: WireBytes;
}

interface State {
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly toServer: WireStream;
  toClient?: WireStream;
  reset: boolean;
}

function same(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}

/** Collects segments into connections. Those whose handshake is not in the capture are left out: they are older than it. */
export class WireConnections {
  readonly #states = new Map<number, State>();

  add(segment: WireSegment): void {
    const { stream, sequence, syn, ack } = segment;
    let state = this.#states.get(stream);
    if (state === undefined) {
      if (!syn || ack) return;
      const { source: client, destination: server } = segment;
      state = { client, server, toServer: new WireStream(sequence), reset: false };
      this.#states.set(stream, state);
    }
    const byClient = same(segment.source, state.client);
    if (syn && ack && !byClient) state.toClient ??= new WireStream(sequence);
    if (segment.reset) state.reset = true;
    const sent = byClient ? state.toServer : state.toClient;
    const answered = byClient ? state.toClient : state.toServer;
    // A SYN takes a sequence number of its own, before the bytes that it may carry.
    const first = syn ? sequence + 1 : sequence;
    // A reset's numbers need not be those of the stream.
    if (segment.reset) return;
    sent?.add(first, segment.payload);
    if (segment.fin) sent?.endAt(first + segment.payload.length);
    if (ack) answered?.acknowledge(segment.acknowledgment);
  }

  /** The connections that came about, in the order in which they began. */
  finish(): WireConnection[] {
    const connections: WireConnection[] = [];
    for (const [stream, { client, server, toServer, toClient, reset }] of this.#states) {
      if (toClient === undefined) continue;
      connections.push({
        stream,
        client,
        server,
        reset,
        toServer: toServer.finish(),
        toClient: toClient.finish(),
      });
    }
    return connections;
  }
}
