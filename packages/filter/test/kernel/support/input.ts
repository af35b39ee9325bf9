import { LAYOUT } from "@tcptracker/events";
import type { KernelFacts, KernelField } from "../../../src/index.ts";

/** A call as the programs see it. */
export interface CallFacts {
  readonly facts: Pick<KernelFacts, "fields" | "name" | "localAddress" | "remoteAddress" | "prefix">;
  readonly sock: bigint;
  /** Id of the connection in the call and, by default, in the entry. */
  readonly connection?: bigint;
  /** Where in the `calls` map; default 0. */
  readonly slot?: number;
  /** What the first program of another filter has left; default 0. */
  readonly generation?: number;
  /** Whether what nothing may look at is 0xaa, not 0. */
  readonly dirty?: boolean;
}

const INPUT = LAYOUT.tt_filter_input;
const DATA = LAYOUT.tt_data.fields;
const RECORD = LAYOUT.tt_record.fields;

type Integer = { readonly kind: string; readonly offset: number; readonly size: number };

const RECORD_FIELDS: Readonly<Partial<Record<KernelField, Integer>>> = {
  type: RECORD.type,
  direction: RECORD.direction,
  role: RECORD.role,
  joined: RECORD.joined,
  network: RECORD.network,
  syscall: RECORD.syscall,
  pid: RECORD.pid,
  tid: RECORD.tid,
  uid: RECORD.uid,
  cgroup: RECORD.cgroup,
  "local.port": RECORD.local_port,
  "remote.port": RECORD.remote_port,
  size: DATA.size,
  offset: DATA.offset,
};

/** The bytes of a struct tt_filter_input. */
export function inputBytes(call: CallFacts, owner: bigint, verdict: number): Uint8Array {
  const { facts, sock, connection = sock, dirty = false, generation = 0 } = call;
  const bytes = new Uint8Array(INPUT.size);
  const view = new DataView(bytes.buffer);
  const data = INPUT.fields.data.offset;
  const put = ({ offset, size }: Integer, value: bigint, base = 0): void => {
    for (let at = 0; at < size; at++)
      view.setUint8(base + offset + at, Number((value >> BigInt(8 * at)) & 0xffn));
  };
  if (dirty) bytes.fill(0xaa, INPUT.fields.prefix.offset);
  for (const [name, field] of Object.entries(RECORD_FIELDS))
    put(field, facts.fields[name as KernelField], data);
  const nameEnd = facts.name.indexOf(0);
  if (dirty && nameEnd >= 0)
    bytes.fill(0x41, data + RECORD.name.offset + nameEnd + 1, data + RECORD.name.offset + RECORD.name.size);
  bytes.set(nameEnd < 0 ? facts.name : facts.name.subarray(0, nameEnd), data + RECORD.name.offset);
  bytes.set(facts.localAddress, data + RECORD.local_address.offset);
  bytes.set(facts.remoteAddress, data + RECORD.remote_address.offset);
  put(RECORD.connection, connection, data);
  put(INPUT.fields.owner, owner);
  put(INPUT.fields.sock, sock);
  put(INPUT.fields.verdict, BigInt(verdict));
  put(INPUT.fields.generation, BigInt(generation));
  put(INPUT.fields.prefix_length, facts.fields["prefix.length"]);
  bytes.set(facts.prefix, INPUT.fields.prefix.offset);
  return bytes;
}
