import { setTimeout as delay } from "node:timers/promises";
import type { TapRecord } from "@tcptracker/events";
import {
  Tap,
  type IoUringSupport,
  type PageCacheSupport,
  type TapOptions,
  type TapStatistics,
} from "../../../src/index.ts";
import { PATIENCE } from "../../traffic/patience.ts";
import { CHOICE } from "./environment.ts";

/** How long records may take from the system call to the test. */
const DEADLINE = 10_000 * PATIENCE;

/** A tap whose records are kept, by the pair of ports that tells the ends of loopback connections apart. */
export class Collector implements AsyncDisposable {
  readonly #tap: Tap;
  readonly #byPorts = new Map<string, TapRecord[]>();
  readonly #done: Promise<void>;

  constructor(options: TapOptions = {}) {
    this.#tap = Tap.start({ flushIntervalMs: 5, ...CHOICE, ...options });
    this.#done = this.#collect();
  }

  /** The records of the process that has `local` as its own port and talks to `remote`. */
  recordsOf(local: number, remote: number): readonly TapRecord[] {
    return this.#byPorts.get(`${local} ${remote}`) ?? [];
  }

  /** Every record, connection by connection. */
  all(): readonly TapRecord[] {
    return Array.from(this.#byPorts.values()).flat();
  }

  /** The strategy, the kind of programs and the transport in use. */
  get attachedAs(): string {
    return this.#tap.attachedAs;
  }

  get ioUring(): IoUringSupport {
    return this.#tap.ioUring;
  }

  get pageCache(): PageCacheSupport {
    return this.#tap.pageCache;
  }

  /** Changes the filter while the tap runs. */
  setFilter(text: string | undefined): void {
    this.#tap.setFilter(text);
  }

  /** Whether the kernel runs a part of the filter. */
  get filtersInKernel(): boolean {
    return this.#tap.filter?.inKernel === true;
  }

  statistics(): TapStatistics {
    return this.#tap.statistics();
  }

  /** Resolves when the end's close record is here; rejects when it does not come. */
  async closed(local: number, remote: number): Promise<readonly TapRecord[]> {
    return await this.until(() => {
      const records = this.recordsOf(local, remote);
      return records.some((record) => record.type === "close") ? records : undefined;
    }, `the close record of ${local} to ${remote}`);
  }

  /** Resolves to what `look` finds; rejects when it finds nothing in time. */
  async until<T>(look: () => T | undefined, what: string): Promise<T> {
    const deadline = Date.now() + DEADLINE;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`${what} did not come within ${DEADLINE} ms`);
      await delay(2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tap.stop();
    await this.#done;
  }

  async #collect(): Promise<void> {
    for await (const record of this.#tap) {
      const key = `${record.local.port} ${record.remote.port}`;
      const records = this.#byPorts.get(key);
      if (records === undefined) this.#byPorts.set(key, [record]);
      else records.push(record);
    }
  }
}
