/**
 * Connections within this host that move bytes: messages of many sizes, each answered by one of a quarter of its size, so
 * many calls a second, until so many were made. Lines on standard output say how it goes: `listening 44321`, `calls 1200`.
 * Lines on standard input: `go` begins; `mark` is noted in the journal and answered (`marked 1`); `stop` ends the connections
 * and writes the journal.
 *
 *   node traffic.ts CONNECTIONS CALLS CALLS_PER_SECOND JOURNAL
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Event, Journal, StreamName } from "./journal.ts";
import { patternAt } from "./pattern.ts";

const [connections = 0, mostCalls = 0, callsPerSecond = 0] = process.argv.slice(2, 5).map(Number);
const [, , , , , path = ""] = process.argv;
const ROUND_MS = 10;
const TELL_MS = 200;
/** Calls of a message and its answer, as long as each goes in one piece. */
const CALLS_PER_MESSAGE = 4;
/** A client's messages wait while this much of the one before is not answered. */
const MOST_WAITING = 4 * 1024 * 1024;

const streams: StreamName[] = [];
const positions: number[] = [];
const events: Event[] = [];
let calls = 0;
const began = performance.now();

/** Notes what happens now. */
function note(kind: Event[0], stream: number, size: number): void {
  events.push([kind, stream, size, Math.round(performance.now() - began)]);
}

/** Notes what a socket moves. */
class Side {
  readonly #socket: Socket;
  readonly #egress: number;
  readonly #ingress: number;

  constructor(socket: Socket, port: number, end: StreamName["end"]) {
    this.#socket = socket;
    this.#egress = addStream({ port, end, direction: "egress" });
    this.#ingress = addStream({ port, end, direction: "ingress" });
    socket.setNoDelay();
  }

  get waiting(): number {
    return this.#socket.writableLength;
  }

  write(size: number): void {
    const stream = this.#egress;
    const position = positions[stream] ?? 0;
    const bytes = patternAt(stream, position, size);
    positions[stream] = position + size;
    note("write", stream, size);
    calls++;
    this.#socket.write(bytes, () => {
      note("written", stream, size);
    });
  }

  read(size: number): void {
    note("read", this.#ingress, size);
    calls++;
  }
}

function addStream(name: StreamName): number {
  positions.push(0);
  return streams.push(name) - 1;
}

/** Answers each message with a quarter of it. */
const server = createServer((socket) => {
  const side = new Side(socket, socket.remotePort ?? 0, "server");
  socket.on("data", (bytes: Buffer) => {
    side.read(bytes.length);
    side.write(Math.ceil(bytes.length / 4));
  });
  socket.on("end", () => socket.end());
}).listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;

interface Client {
  readonly socket: Socket;
  readonly side: Side;
}

async function open(): Promise<Client> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const side = new Side(socket, socket.localPort ?? 0, "client");
  socket.on("data", (bytes: Buffer) => {
    side.read(bytes.length);
  });
  return { socket, side };
}

/** Nineteen of twenty are small, the rest is of some KiB, and of 10,000 there are three big ones. The same in every run. */
function sizeOf(message: number): number {
  const dice = (Math.imul(message + 1, 2654435761) >>> 0) / 2 ** 32;
  const rest = (Math.imul(message + 1, 1597334677) >>> 0) / 2 ** 32;
  if (dice < 0.95) return 16 + Math.floor(rest * 384);
  if (dice < 0.9997) return 1024 + Math.floor(rest * 7 * 1024);
  return 128 * 1024 + Math.floor(rest * 896 * 1024);
}

const begun = Promise.withResolvers<undefined>();
let stopped = false;
const isStopped = (): boolean => stopped;
let marks = 0;
const orders = createInterface({ input: process.stdin });
orders.on("line", (line) => {
  if (line === "go") begun.resolve(undefined);
  if (line === "stop") stopped = true;
  if (line !== "mark") return;
  note("mark", -1, 0);
  console.log(`marked ${++marks}`);
});
console.log(`listening ${port}`);
await begun.promise;
const clients: Client[] = [];
for (let index = 0; index < connections; index++) clients.push(await open());
const told = setInterval(() => console.log(`calls ${calls}`), TELL_MS);
const first = performance.now();
for (let message = 0; !isStopped();) {
  await delay(ROUND_MS);
  // What is enough is told; from then on the connections are quiet.
  const due =
    calls >= mostCalls ? 0 : ((performance.now() - first) / 1000) * (callsPerSecond / CALLS_PER_MESSAGE);
  while (message < due) {
    const client = clients[message % clients.length];
    if (client !== undefined && client.side.waiting < MOST_WAITING) client.side.write(sizeOf(message));
    message++;
  }
}
clearInterval(told);
for (const { socket } of clients) {
  socket.end();
  if (!socket.closed) await once(socket, "close");
}
server.close();
// Standard input would keep the process.
orders.close();
process.stdin.destroy();
const journal: Journal = { server: port, streams, events };
writeFileSync(path, JSON.stringify(journal));
