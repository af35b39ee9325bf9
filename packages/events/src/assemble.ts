import { StreamAssembler } from "./assembler.ts";
import type { StreamAssemblerOptions } from "./assembler.ts";
import type { Direction } from "./gen/layout.ts";
import type { TapRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** All segments of a sequence of records, in order per direction; see {@link StreamAssembler}. */
export function* assemble(
  records: Iterable<TapRecord>,
  options: StreamAssemblerOptions = {},
): Generator<Segment> {
  const assembler = new StreamAssembler(options);
  for (const record of records) yield* assembler.push(record);
  yield* assembler.flush();
}

/** {@link assemble} for records that are still to come. */
export async function* assembleAsync(
  records: AsyncIterable<TapRecord>,
  options: StreamAssemblerOptions = {},
): AsyncGenerator<Segment> {
  const assembler = new StreamAssembler(options);
  for await (const record of records) yield* assembler.push(record);
  yield* assembler.flush();
}

/** The segments of one direction of one connection. */
export function* stream(
  records: Iterable<TapRecord>,
  connection: string,
  direction: Direction,
  options: StreamAssemblerOptions = {},
): Generator<Segment> {
  for (const segment of assemble(ofConnection(records, connection), options)) {
    if (segment.direction === direction) yield segment;
  }
}

function* ofConnection(records: Iterable<TapRecord>, connection: string): Generator<TapRecord> {
  for (const record of records) if (record.connection.id === connection) yield record;
}
