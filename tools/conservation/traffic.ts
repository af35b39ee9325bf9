/**
 * Connections within this host that move bytes until they are told to stop, by lines on standard input: `pause`,
 * `go`, `stop`. At the end a line of JSON says what each has moved: the truth that records are held against.
 *
 *   node traffic.ts CONNECTIONS BYTES_PER_SECOND
 */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** What one connection has moved, by the port of its client. */
export interface Moved {
  readonly port: number;
  readonly sent: number;
  readonly received: number;
}

const [connections = 8, bytesPerSecond = 4_000_000] = process.argv.slice(2).map(Number);
const ROUND_MS = 20;
const LARGEST = 30_000;

const orders = createInterface({ input: process.stdin });
let order = "go";
orders.on("line", (line) => (order = line));
const isTold = (what: "pause" | "stop"): boolean => order === what;

/** Answers each message with one of its own. */
const server = createServer((socket) => {
  socket.on("data", (bytes: Buffer) => socket.write(bytes.subarray(0, Math.ceil(bytes.length / 4))));
  socket.on("end", () => socket.end());
  socket.on("error", () => undefined);
}).listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as AddressInfo;

interface Client {
  readonly socket: Socket;
  readonly port: number;
  sent: number;
  received: number;
}

async function open(): Promise<Client> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const client = { socket, port: socket.localPort ?? 0, sent: 0, received: 0 };
  socket.on("data", (bytes: Buffer) => (client.received += bytes.length));
  return client;
}

const clients: Client[] = [];
for (let index = 0; index < connections; index++) clients.push(await open());
console.log("ready");
const share = Math.min(LARGEST, Math.ceil((bytesPerSecond * ROUND_MS) / 1000 / connections));
for (let round = 0; !isTold("stop"); round++) {
  await delay(ROUND_MS);
  if (isTold("pause")) continue;
  for (const client of clients) {
    const size = 1 + ((round * 7919 + client.port) % (2 * share));
    client.sent += size;
    client.socket.write(Buffer.alloc(size, `${client.port}/${round} `));
  }
}
for (const client of clients) {
  client.socket.end();
  if (!client.socket.closed) await once(client.socket, "close");
}
server.close();
// Standard input would keep the process.
orders.close();
process.stdin.destroy();
const all: Moved[] = clients.map((client) => ({
  port: client.port,
  sent: client.sent,
  received: client.received,
}));
console.log(JSON.stringify(all));
