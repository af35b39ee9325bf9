/** From BTF to the description of the record ABI that is generated, hashed and compared. */
import { createHash } from "node:crypto";
import { LayoutError } from "./btf.ts";
import type { BtfMember, BtfType } from "./btf.ts";

/** The structures of a record, header first, and those that hold one. */
export const STRUCTURES = [
  "tt_record",
  "tt_open",
  "tt_data",
  "tt_gap",
  "tt_close",
  "tt_connection",
  "tt_filter_input",
] as const;

/**
 * The enumerations: C name, the prefix that its members lose on the wire, and the name of the TypeScript type.
 * A NONE member means "absent" and a MAX member is a count: neither has a wire name.
 */
export const ENUMERATIONS = [
  { c: "tt_record_type", prefix: "TT_RECORD_", type: "RecordType", doc: "What a record says." },
  {
    c: "tt_direction",
    prefix: "TT_DIRECTION_",
    type: "Direction",
    doc: "egress: sent by the tapped process.",
  },
  {
    c: "tt_role",
    prefix: "TT_ROLE_",
    type: "Role",
    doc: "Which side of the connection the tapped process is.",
  },
  { c: "tt_joined", prefix: "TT_JOINED_", type: "Joined", doc: "Since when the tap knows the connection." },
  { c: "tt_network", prefix: "TT_NETWORK_", type: "Network", doc: "What travels on the wire." },
  { c: "tt_gap_cause", prefix: "TT_GAP_", type: "GapCause", doc: "Why bytes are in no data record." },
  {
    c: "tt_shutdown",
    prefix: "TT_SHUTDOWN_",
    type: "Shutdown",
    doc: "A side the process shut down: bits of a set.",
  },
  {
    c: "tt_verdict",
    prefix: "TT_VERDICT_",
    type: "FilterVerdict",
    doc: "What a filter said of a connection, by the filter's generation.",
  },
  {
    c: "tt_limit",
    prefix: "TT_LIMIT_",
    type: "FilterLimit",
    doc: "What a compiled filter has to know of the programs around it.",
  },
  { c: "tt_stage", prefix: "TT_STAGE_", type: "Stage", doc: "Slots of the program array." },
  { c: "tt_syscall", prefix: "TT_SYSCALL_", type: "Syscall", doc: "The system call that moved the bytes." },
  { c: "tt_counter", prefix: "TT_COUNTER_", type: "Counter", doc: "Slots of the per-CPU counters." },
] as const;

/** A field: unsigned integer, array of bytes, or an embedded structure. Offset and size in bytes. */
export interface Field {
  readonly name: string;
  readonly kind: "u8" | "u16" | "u32" | "u64" | "bytes" | "header";
  readonly offset: number;
  readonly size: number;
}

/** A structure and its fields, in order. */
export interface Structure {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly Field[];
}

/** An enumeration and its members, in order. */
export interface Enumeration {
  readonly name: string;
  readonly size: number;
  readonly members: readonly { readonly name: string; readonly value: number }[];
}

/** The record ABI. */
export interface Layout {
  readonly structures: readonly Structure[];
  readonly enumerations: readonly Enumeration[];
}

/** Picks the structures and enumerations out of an object's types. Throws LayoutError on what it cannot express. */
export function describeLayout(types: readonly BtfType[]): Layout {
  const byId = new Map(types.map((type) => [type.id, type]));
  return {
    structures: STRUCTURES.map((name) => describeStructure(find(types, "STRUCT", name), byId)),
    enumerations: ENUMERATIONS.map(({ c }) => describeEnumeration(find(types, "ENUM", c))),
  };
}

/** The description that is hashed: one line per structure, field, enumeration and member. */
export function canonicalText(layout: Layout): string {
  const lines: string[] = [];
  for (const { name, size, fields } of layout.structures) {
    lines.push(`struct ${name} ${String(size)}`);
    for (const field of fields) {
      lines.push(`\t${field.name} ${field.kind} ${String(field.offset)} ${String(field.size)}`);
    }
  }
  for (const { name, size, members } of layout.enumerations) {
    lines.push(`enum ${name} ${String(size)}`);
    for (const member of members) lines.push(`\t${member.name} ${String(member.value)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The first 64 bits of the SHA-256 of the description, as 16 hexadecimal digits. */
export function layoutHash(layout: Layout): string {
  return createHash("sha256").update(canonicalText(layout)).digest("hex").slice(0, 16);
}

function find(types: readonly BtfType[], kind: string, name: string): BtfType {
  const found = types.filter((type) => type.name === name && type.kind === kind);
  const [type] = found;
  if (type === undefined) {
    const other = types.find((candidate) => candidate.name === name);
    const reason = other === undefined ? "is not in the object's BTF" : `is a ${other.kind} there`;
    throw new LayoutError(
      `${kind.toLowerCase()} ${name} ${reason}; bpf-programs/src/layout.bpf.c has to name it`,
    );
  }
  if (found.length > 1)
    throw new LayoutError(
      `${kind.toLowerCase()} ${name} is ${String(found.length)} times in the object's BTF`,
    );
  return type;
}

function describeStructure(type: BtfType, byId: ReadonlyMap<number, BtfType>): Structure {
  const size = sizeOf(type);
  const fields = (type.members ?? []).map((member) => describeField(type, member, byId));
  let end = 0;
  for (const field of fields) {
    const where = `${type.name}.${field.name}`;
    // A hole would carry stale kernel memory to user space; the ABI names its padding.
    if (field.offset !== end) {
      throw new LayoutError(
        `${where} begins at ${String(field.offset)}, the field before it ends at ${String(end)}: name the padding`,
      );
    }
    end = field.offset + field.size;
  }
  if (end !== size) {
    throw new LayoutError(
      `${type.name} is ${String(size)} bytes, its fields end at ${String(end)}: name the padding`,
    );
  }
  return { name: type.name, size, fields };
}

function describeField(parent: BtfType, member: BtfMember, byId: ReadonlyMap<number, BtfType>): Field {
  const where = `${parent.name}.${member.name}`;
  if ((member.bitfield_size ?? 0) !== 0 || member.bits_offset % 8 !== 0) {
    throw new LayoutError(`${where} is a bit field; the record ABI has whole bytes only`);
  }
  const offset = member.bits_offset / 8;
  const type = resolve(member.type_id, byId, where);
  if (!["INT", "ARRAY", "STRUCT"].includes(type.kind)) {
    throw new LayoutError(`${where} is a ${type.kind.toLowerCase()}, which a record field cannot be`);
  }
  const size = byteSize(type, byId, where);
  const base = { name: member.name, offset, size };
  if (type.kind === "INT") {
    if (type.encoding === "SIGNED")
      throw new LayoutError(`${where} is signed; the record ABI has unsigned integers only`);
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8)
      throw new LayoutError(`${where} is an integer of ${String(size)} bytes`);
    if (offset % size !== 0)
      throw new LayoutError(`${where} is not aligned: ${String(size)} bytes at ${String(offset)}`);
    return { ...base, kind: ({ 1: "u8", 2: "u16", 4: "u32", 8: "u64" } as const)[size] };
  }
  if (type.kind === "ARRAY") {
    const element = resolve(type.type_id, byId, where);
    if (element.kind !== "INT" || element.size !== 1) {
      throw new LayoutError(`${where} is an array of something other than bytes`);
    }
    return { ...base, kind: "bytes" };
  }
  // A record begins with its header; what a filter is given holds one further on.
  const mayBegin = offset === 0 || parent.name === "tt_filter_input";
  if (type.kind === "STRUCT" && STRUCTURES.some((known) => known === type.name) && mayBegin)
    return { ...base, kind: "header" };
  throw new LayoutError(`${where} is a struct ${type.name}, which a record field cannot be`);
}

function describeEnumeration(type: BtfType): Enumeration {
  const members = (type.values ?? []).map(({ name, val }) => ({ name, value: val }));
  const seen = new Map<number, string>();
  for (const { name, value } of members) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new LayoutError(
        `${name} of ${type.name} is ${String(value)}; the record ABI has values from 0 to 65535`,
      );
    }
    const same = seen.get(value);
    if (same !== undefined)
      throw new LayoutError(`${name} and ${same} of ${type.name} are both ${String(value)}`);
    seen.set(value, name);
  }
  return { name: type.name, size: sizeOf(type), members };
}

/** Follows typedefs and qualifiers to the type itself. */
function resolve(id: number | undefined, byId: ReadonlyMap<number, BtfType>, where: string): BtfType {
  let type = byId.get(id ?? 0);
  while (type !== undefined && ["TYPEDEF", "CONST", "VOLATILE", "RESTRICT"].includes(type.kind)) {
    type = byId.get(type.type_id ?? 0);
  }
  if (type === undefined) throw new LayoutError(`${where} has no type in the object's BTF`);
  return type;
}

function byteSize(type: BtfType, byId: ReadonlyMap<number, BtfType>, where: string): number {
  if (type.kind !== "ARRAY") return sizeOf(type);
  return (type.nr_elems ?? 0) * byteSize(resolve(type.type_id, byId, where), byId, where);
}

function sizeOf(type: BtfType): number {
  if (type.size === undefined) throw new LayoutError(`${type.kind.toLowerCase()} ${type.name} has no size`);
  return type.size;
}
