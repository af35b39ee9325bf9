import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { ExportError } from "../errors.ts";

/** Elements of a message. No exporter comes near. */
const MOST_ELEMENTS = 65_536;

/** By number. */
const fieldsOf = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();

/**
 * Counts what would become an object of its own, before it does: messages, those of maps and lists included, and fields that are
 * not known. Two bytes of a message may become hundreds in memory.
 *
 * @throws {@link ExportError} ERR_EXPORT_MESSAGE for too many; what BinaryReader throws for what is no message
 */
export function checkElements(schema: DescMessage, bytes: Uint8Array): void {
  const reader = new BinaryReader(bytes);
  count(schema, reader, bytes.length, 0);
}

/** Returns the number of elements, those `before` included. */
function count(schema: DescMessage, reader: BinaryReader, end: number, before: number): number {
  const fields = known(schema);
  let elements = before + 1;
  while (reader.pos < end) {
    if (elements > MOST_ELEMENTS)
      throw new ExportError("ERR_EXPORT_MESSAGE", `a batch has more than ${MOST_ELEMENTS} records or parts`);
    const [number, wireType] = reader.tag();
    const field = fields.get(number);
    const inner = field?.message ?? undefined;
    if (inner !== undefined && wireType === WireType.LengthDelimited) {
      const length = reader.uint32();
      elements = count(inner, reader, reader.pos + length, elements);
    } else {
      reader.skip(wireType, number);
      if (field === undefined || field.fieldKind === "map") elements++;
    }
  }
  return elements;
}

function known(schema: DescMessage): ReadonlyMap<number, DescField> {
  let fields = fieldsOf.get(schema);
  if (fields === undefined) {
    fields = new Map(schema.fields.map((field) => [field.number, field]));
    fieldsOf.set(schema, fields);
  }
  return fields;
}
