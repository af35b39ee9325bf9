/** Where a filter finds what it reads, from the layout that is generated from the programs' BTF. */
import { FILTER_LIMIT, FILTER_VERDICT, LAYOUT } from "@tcptracker/events";
import type { KernelField } from "../kernel/expression.ts";
import type { Width } from "./instructions.ts";

/** A number in memory: bytes from the start of its structure. */
export interface Place {
  readonly offset: number;
  readonly width: Width;
}

const INPUT = LAYOUT.tt_filter_input.fields;
const DATA = LAYOUT.tt_data.fields;
const RECORD = LAYOUT.tt_record.fields;

function place({ offset, size }: { readonly offset: number; readonly size: Width }, base = 0): Place {
  return { offset: base + offset, width: size };
}

const inRecord = (field: { readonly offset: number; readonly size: Width }): Place =>
  place(field, INPUT.data.offset + DATA.record.offset);

const inData = (field: { readonly offset: number; readonly size: Width }): Place =>
  place(field, INPUT.data.offset);

/** The fields that a filter tests, in struct tt_filter_input. */
export const FIELDS: Readonly<Record<KernelField, Place>> = {
  type: inRecord(RECORD.type),
  direction: inRecord(RECORD.direction),
  role: inRecord(RECORD.role),
  joined: inRecord(RECORD.joined),
  network: inRecord(RECORD.network),
  syscall: inRecord(RECORD.syscall),
  pid: inRecord(RECORD.pid),
  tid: inRecord(RECORD.tid),
  uid: inRecord(RECORD.uid),
  cgroup: inRecord(RECORD.cgroup),
  "local.port": inRecord(RECORD.local_port),
  "remote.port": inRecord(RECORD.remote_port),
  size: inData(DATA.size),
  offset: inData(DATA.offset),
  "prefix.length": place(INPUT.prefix_length),
};

/** What a filter needs besides, in struct tt_filter_input. */
export const CALL: Readonly<
  Record<"owner" | "sock" | "verdict" | "generation" | "connection" | "judge", Place>
> = {
  owner: place(INPUT.owner),
  sock: place(INPUT.sock),
  verdict: place(INPUT.verdict),
  generation: place(INPUT.generation),
  connection: inRecord(RECORD.connection),
  /** Where the record says which filter judged it. */
  judge: inRecord(RECORD.filter),
};

/** In struct tt_connection. */
export const CONNECTION: Readonly<Record<"id" | "verdict", Place>> = {
  id: place(RECORD.connection, LAYOUT.tt_connection.fields.close.offset),
  verdict: place(LAYOUT.tt_connection.fields.verdict),
};

const BASE = INPUT.data.offset;

/** Where bytes begin in struct tt_filter_input. */
export const NAME_OFFSET: number = BASE + RECORD.name.offset;
export const NAME_LENGTH: number = RECORD.name.size;
export const PREFIX_OFFSET: number = INPUT.prefix.offset;
export const ADDRESS_OFFSETS: Readonly<Record<"local" | "remote", number>> = {
  local: BASE + RECORD.local_address.offset,
  remote: BASE + RECORD.remote_address.offset,
};
export const ADDRESS_LENGTH: number = RECORD.local_address.size;

/** Calls that one CPU may be in the middle of: values of the `calls` map. */
export const CALL_SLOTS: number = FILTER_LIMIT.call_slots;

/** The highest generation: its verdicts have 32 bits. */
export const LAST_GENERATION: number = 2 ** 28;

/** What a connection's entry says after the filter of a generation has seen it. */
export function verdictOf(accepted: boolean, generation: number): number {
  return (
    generation * FILTER_VERDICT.generation + (accepted ? FILTER_VERDICT.accepted : FILTER_VERDICT.rejected)
  );
}
