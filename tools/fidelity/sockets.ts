/** Looks at the host's TCP sockets without making a connection, which would be one more to account for. */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const LISTEN = 0x0a;
const TIME_WAIT = 0x06;

/** The states of the sockets that have `port` at either end, from the text of /proc/net/tcp or tcp6. */
export function statesOf(table: string, port: number): number[] {
  const states: number[] = [];
  for (const line of table.split("\n").slice(1)) {
    const [, local, remote, state] = line.trim().split(/\s+/);
    if (local === undefined || remote === undefined || state === undefined) continue;
    const ports = [local, remote].map((address) => parseInt(address.slice(address.indexOf(":") + 1), 16));
    if (ports.includes(port)) states.push(parseInt(state, 16));
  }
  return states;
}

function states(port: number): number[] {
  return ["tcp", "tcp6"].flatMap((name) => statesOf(readFileSync(`/proc/net/${name}`, "utf8"), port));
}

export function isListening(port: number): boolean {
  return states(port).includes(LISTEN);
}

/** Whether no process has a connection to any of the ports, and none is being closed. */
export function isQuiet(ports: readonly number[]): boolean {
  return ports.every((port) => states(port).every((state) => state === LISTEN || state === TIME_WAIT));
}

async function canListen(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, "listening");
    server.listen(port, host);
    await listening;
    server.close();
    await once(server, "close");
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody uses, below those that the kernel gives to clients, so that no client gets it either. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(20_000, 30_000);
    if (states(port).length === 0 && (await canListen(port, "127.0.0.1")) && (await canListen(port, "::1")))
      return port;
  }
  throw new Error("no free port from 20000 to 30000, or no ::1");
}
