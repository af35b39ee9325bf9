import type { DataRecord, RecordBase, TapRecord } from "@tcptracker/events";

const base: RecordBase = {
  time: 1_795_360_680_123_456_789n,
  connection: { id: "00000000000000a1", role: "client", joined: "start" },
  local: { address: "127.0.0.1", port: 44614 },
  remote: { address: "127.0.0.1", port: 18080 },
  network: { type: "ipv4", transport: "tcp" },
  process: { pid: 25914, tid: 25915, name: "curl", uid: 0 },
  syscall: "sendto",
};

/** A stream of one connection: data records of `size` bytes each, which tile it. */
export class Traffic {
  readonly id: string;
  #offset = 0n;
  #count = 0;

  constructor(id = "00000000000000a1") {
    this.id = id;
  }

  /** Bytes so far. */
  get bytes(): bigint {
    return this.#offset;
  }

  next(size: number): DataRecord {
    const record: DataRecord = {
      ...base,
      type: "data",
      connection: { ...base.connection, id: this.id },
      direction: "egress",
      offset: this.#offset,
      size: BigInt(size),
      payload: new Uint8Array(size).fill(++this.#count),
    };
    this.#offset += BigInt(size);
    return record;
  }

  many(count: number, size: number): DataRecord[] {
    return Array.from({ length: count }, () => this.next(size));
  }

  close(): TapRecord {
    return {
      ...base,
      type: "close",
      connection: { ...base.connection, id: this.id },
      egress: { bytes: this.#offset },
      ingress: { bytes: 0n },
      duration: 1n,
      tcp: { retransmits: 0 },
    };
  }
}

/** What records say of one connection's bytes. Throws for a hole or an overlap. */
export function account(
  records: readonly TapRecord[],
  id = "00000000000000a1",
): { readonly delivered: bigint; readonly missing: bigint; readonly causes: readonly string[] } {
  const pieces = records
    .filter((record) => record.connection.id === id)
    .filter((record) => record.type === "data" || record.type === "gap")
    .toSorted((a, b) => (a.offset < b.offset ? -1 : 1));
  let [end, delivered, missing] = [0n, 0n, 0n];
  const causes = new Set<string>();
  for (const piece of pieces) {
    if (piece.offset !== end) throw new Error(`a hole or an overlap: ${piece.offset} behind ${end}`);
    const size = piece.type === "gap" ? piece.size : BigInt(piece.payload?.length ?? 0);
    end += size;
    if (piece.type === "gap") {
      missing += size;
      causes.add(piece.cause);
    } else delivered += size;
  }
  return { delivered, missing, causes: [...causes] };
}
