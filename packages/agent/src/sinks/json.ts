import { toJson, type TapRecord } from "@tcptracker/events";
import type { Sink } from "../pipeline.ts";
import type { LineOutput } from "./line-output.ts";

/** One JSON object per line. */
export class JsonSink implements Sink {
  readonly #output: LineOutput;

  constructor(output: LineOutput) {
    this.#output = output;
  }

  async write(records: readonly TapRecord[]): Promise<void> {
    for (const record of records) await this.#output.writeLine(toJson(record));
    await this.#output.flush();
  }

  async close(): Promise<void> {
    await this.#output.flush();
  }
}
