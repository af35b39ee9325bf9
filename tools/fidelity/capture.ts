/** tcpdump on the loopback device. */
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { open, stat } from "node:fs/promises";
import type { Child, Children } from "./children.ts";
import { until } from "./until.ts";

/** KiB that the kernel holds for tcpdump. */
const BUFFER_KIB = 256 * 1024;

/** A running tcpdump. */
export class Capture {
  readonly file: string;
  readonly #port: number;
  readonly #child: Child;

  private constructor(file: string, port: number, child: Child) {
    this.file = file;
    this.#port = port;
    this.#child = child;
  }

  /** Starts tcpdump; when it resolves, packets of these ports are being captured. */
  static async start(children: Children, file: string, ports: readonly number[]): Promise<Capture> {
    const [port] = ports;
    if (port === undefined) throw new Error("a workload needs a port");
    const filter = ports.map((each) => `port ${each}`).join(" or ");
    // -Z root: as another user it could not write into the suite's directory.
    const args = [
      "-i",
      "lo",
      "-n",
      "-s",
      "0",
      "-B",
      String(BUFFER_KIB),
      "-U",
      "-Z",
      "root",
      "-w",
      file,
      filter,
    ];
    const child = children.start("tcpdump", args);
    await until("tcpdump listens", () => child.failIfEnded().includes("listening on"), 10);
    return new Capture(file, port, child);
  }

  /** Ends the capture after all that was on the wire up to now is in the file; gives how many packets it dropped. */
  async stop(): Promise<number> {
    await this.#reachFile();
    await this.#child.end("SIGINT");
    const dropped = [...this.#child.output().matchAll(/(\d+) packets? dropped by/g)];
    if (dropped.length === 0)
      throw new Error(`tcpdump does not say what it dropped: ${this.#child.output()}`);
    return dropped.reduce((sum, [, packets]) => sum + Number(packets), 0);
  }

  /**
   * tcpdump gets packets in blocks and loses those of an unfinished block when it is ended. So a packet of another protocol
   * is sent to the port, and awaited in the file.
   */
  async #reachFile(): Promise<void> {
    const from = (await stat(this.file)).size;
    const marker = randomUUID();
    const socket = createSocket("udp4");
    const sent = Promise.withResolvers<unknown>();
    socket.send(marker, this.#port, "127.0.0.1", sent.resolve);
    await sent.promise;
    try {
      await until("the end of the traffic is in tcpdump's file", () => holds(this.file, from, marker), 20);
    } finally {
      socket.close();
    }
  }
}

async function holds(file: string, from: number, marker: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(size - from);
    await handle.read(bytes, 0, bytes.length, from);
    return bytes.includes(marker);
  } finally {
    await handle.close();
  }
}
