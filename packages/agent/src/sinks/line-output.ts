import type { Writable } from "node:stream";

/** Enough for a write to be worth its system call, little enough that a reader is not kept waiting. */
const CHUNK = 64 * 1024;

/** Collects lines into writes of some size and waits when the reader is slow. */
export class LineOutput {
  readonly #stream: Writable;
  #pending = "";

  /** Whoever owns the stream listens to its 'error' events: after one, what is written here goes nowhere. */
  constructor(stream: Writable) {
    this.#stream = stream;
  }

  async writeLine(line: string): Promise<void> {
    this.#pending += line;
    this.#pending += "\n";
    if (this.#pending.length >= CHUNK) await this.flush();
  }

  async flush(): Promise<void> {
    const pending = this.#pending;
    this.#pending = "";
    if (pending === "" || !this.#stream.writable) return;
    if (!this.#stream.write(pending)) await drained(this.#stream);
  }
}

/** Resolves when the stream takes more, and also when it never will again: its owner is told why by 'error'. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.removeListener("drain", done);
      stream.removeListener("close", done);
      stream.removeListener("error", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
    // A stream that does not close by itself says only this.
    stream.on("error", done);
  });
}
