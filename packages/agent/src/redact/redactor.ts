import type { DataRecord, PayloadRange, TapRecord } from "@tcptracker/events";
import type { Stage } from "../pipeline.ts";
import { HeaderScanner, SECRET_HEADERS } from "./header-scanner.ts";
import { mergeRanges } from "./ranges.ts";

/** As many connections as a tap follows by default. */
const CONNECTIONS = 65_536;
/** What stands in the place of a byte: `*`. */
const BLANK = 0x2a;

/** What is replaced in payloads. */
export interface RedactorOptions {
  /** Names of HTTP/1 headers whose values are replaced; default: those that hold credentials. */
  readonly headers?: readonly string[];
  /** What matches in the bytes of one payload, one character for each byte (latin1), is replaced. */
  readonly patterns?: readonly RegExp[];
  /**
   * Connections that are followed at the same time, default 65,536. Beyond, the direction that was quiet for longest is
   * forgotten, so it is to be as many as the tap follows.
   */
  readonly connections?: number;
}

/** One direction of a connection. */
interface Followed {
  readonly scanner: HeaderScanner;
  /** Where the next byte is expected. */
  next: bigint;
}

/**
 * Replaces secrets in payloads by as many `*`, and says where: before any sink, and so before any spool or network.
 * Offsets and sizes stay as they are.
 */
export class Redactor implements Stage {
  readonly #headers: ReadonlySet<string>;
  readonly #patterns: readonly RegExp[];
  /** The one that was used last is the last one. */
  readonly #followed = new Map<string, Followed>();
  readonly #mostFollowed: number;
  #records = 0;

  constructor({ headers = SECRET_HEADERS, patterns = [], connections = CONNECTIONS }: RedactorOptions = {}) {
    this.#mostFollowed = 2 * connections;
    this.#headers = new Set(headers.map((name) => name.toLowerCase()));
    this.#patterns = patterns.map(
      ({ source, flags }) => new RegExp(source, `${flags.replace(/[gy]/g, "")}g`),
    );
  }

  /** Records in which something was replaced. */
  get redactedRecords(): number {
    return this.#records;
  }

  process(records: readonly TapRecord[]): readonly TapRecord[] {
    return records.map((record) => {
      switch (record.type) {
        case "data":
          return this.#redact(record);
        case "gap":
          this.#follow(`${record.connection.id}/${record.direction}`, record.offset, record.size)?.skip();
          return record;
        case "close":
          for (const direction of ["egress", "ingress"])
            this.#followed.delete(`${record.connection.id}/${direction}`);
          return record;
        case "open":
          return record;
      }
    });
  }

  #redact(record: DataRecord): DataRecord {
    const { payload } = record;
    if (payload === undefined || payload.length === 0) return record;
    const scanner = this.#follow(
      `${record.connection.id}/${record.direction}`,
      record.offset,
      BigInt(payload.length),
    );
    const found = [...(scanner?.scan(payload) ?? []), ...this.#matches(payload)];
    if (found.length === 0) return record;
    this.#records++;
    const redacted = mergeRanges([...(record.redacted ?? []), ...found]);
    const blank = payload.slice();
    for (const { offset, size } of redacted) blank.fill(BLANK, offset, offset + size);
    return { ...record, payload: blank, redacted };
  }

  #matches(payload: Uint8Array): PayloadRange[] {
    if (this.#patterns.length === 0) return [];
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("latin1");
    return this.#patterns.flatMap((pattern) =>
      Array.from(text.matchAll(pattern), ({ 0: match, index }) => ({
        offset: index,
        size: match.length,
      })).filter(({ size }) => size > 0),
    );
  }

  /** The scanner of a direction, which expects `size` bytes at `offset`; told first if others came in between. */
  #follow(key: string, offset: bigint, size: bigint): HeaderScanner | undefined {
    if (this.#headers.size === 0) return undefined;
    const followed = this.#followed.get(key) ?? { scanner: new HeaderScanner(this.#headers), next: offset };
    if (followed.next !== offset) followed.scanner.skip();
    followed.next = offset + size;
    this.#followed.delete(key);
    this.#followed.set(key, followed);
    if (this.#followed.size > this.#mostFollowed) {
      const [oldest] = this.#followed.keys();
      if (oldest !== undefined) this.#followed.delete(oldest);
    }
    return followed.scanner;
  }
}
