import type { CloseRecord, DataRecord, GapRecord, OpenRecord, RecordBase } from "@tcptracker/events";

/** 15:18:00.123456789 UTC on 22 November 2026. */
const TIME = 1_795_360_680_123_456_789n;

const base: RecordBase = {
  time: TIME,
  connection: { id: "00000000000000a1", role: "client", joined: "start" },
  local: { address: "127.0.0.1", port: 44614 },
  remote: { address: "127.0.0.1", port: 18080 },
  network: { type: "ipv4", transport: "tcp" },
  process: { pid: 25914, tid: 25915, name: "curl", uid: 0 },
  syscall: "sendto",
};

/** Records of curl talking to port 18080, with `fields` over them. */
export function openRecord(fields: Partial<OpenRecord> = {}): OpenRecord {
  return { type: "open", ...base, ...fields };
}

/** Its size is the payload's unless told. */
export function dataRecord(payload: Uint8Array | string, fields: Partial<DataRecord> = {}): DataRecord {
  const bytes = Uint8Array.from(Buffer.from(payload));
  return {
    type: "data",
    ...base,
    direction: "egress",
    offset: 0n,
    size: BigInt(bytes.length),
    payload: bytes,
    ...fields,
  };
}

export function gapRecord(fields: Partial<GapRecord> = {}): GapRecord {
  return { type: "gap", ...base, direction: "egress", offset: 10n, size: 2048n, cause: "snaplen", ...fields };
}

export function closeRecord(fields: Partial<CloseRecord> = {}): CloseRecord {
  return {
    type: "close",
    ...base,
    egress: { bytes: 71n },
    ingress: { bytes: 4096n },
    duration: 12_345_678n,
    tcp: { retransmits: 0 },
    ...fields,
  };
}
