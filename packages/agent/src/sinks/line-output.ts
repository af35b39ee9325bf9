import { once } from "node:events";
import type { Writable } from "node:stream";

/** Enough for a write to be worth its system call, little enough that a reader is not kept waiting. */
const CHUNK = 64 * 1024;

/** Collects lines into writes of some size and waits when the reader is slow. */
export class LineOutput {
  readonly #stream: Writable;
  #pending = "";

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  async writeLine(line: string): Promise<void> {
    this.#pending += line;
    this.#pending += "\n";
    if (this.#pending.length >= CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#pending === "" || this.#stream.destroyed) return;
    const pending = this.#pending;
    this.#pending = "";
    // A reader that has gone away ends the wait too: 'close' follows its error.
    if (!this.#stream.write(pending)) await Promise.race([once(this.#stream, "drain"), once(this.#stream, "close")]);
  }
}
