import type { DataRecord, Endpoint, TapRecord } from "@tcptracker/events";
import { formatBytes, formatClockTime, formatDuration } from "../format.ts";
import type { Sink } from "../pipeline.ts";
import { firstLine } from "./first-line.ts";
import type { LineOutput } from "./line-output.ts";
import { printableName } from "./printable.ts";

/** Marks up a piece of a line; the identity where there are no colours. */
export type Paint = (style: "dim" | "green" | "cyan" | "yellow" | "red" | "bold", text: string) => string;

/** Lines for a person to follow: who, to whom, how much, how it begins. */
export class TextSink implements Sink {
  readonly #output: LineOutput;
  readonly #paint: Paint;

  constructor(output: LineOutput, paint: Paint) {
    this.#output = output;
    this.#paint = paint;
  }

  async write(records: readonly TapRecord[]): Promise<void> {
    for (const record of records) await this.#output.writeLine(formatRecord(record, this.#paint));
    await this.#output.flush();
  }

  async close(): Promise<void> {
    await this.#output.flush();
  }
}

function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function formatRemote({ remote }: TapRecord): string {
  const name = remote.service ?? remote.pod;
  const where = formatEndpoint(remote);
  return name === undefined ? where : `${where} (${printableName(`${name.namespace}/${name.name}`)})`;
}

/** `>` from the process to its peer, `<` the other way. */
function arrow(record: TapRecord): string {
  if (record.type === "open" || record.type === "close") return "-";
  return record.direction === "egress" ? ">" : "<";
}

/** Where the process runs: its pod, or its container by name, or by as much of the id as Docker shows. */
function formatPlace({ container, pod }: TapRecord): string | undefined {
  if (pod !== undefined) return `${pod.namespace}/${pod.name}`;
  return container?.name ?? container?.id.slice(0, 12);
}

/** One line, without the line break. */
export function formatRecord(record: TapRecord, paint: Paint): string {
  const { name, pid } = record.process;
  const who = `${name === undefined ? "?" : printableName(name)}[${pid}]`;
  const style = arrow(record) === ">" ? "green" : "cyan";
  const where = `${formatEndpoint(record.local)} ${arrow(record)} ${formatRemote(record)}`;
  const place = formatPlace(record);
  return [
    paint("dim", formatClockTime(record.time)),
    paint("bold", who),
    ...(place === undefined ? [] : [paint("dim", printableName(place))]),
    record.type === "data" ? paint(style, where) : where,
    describe(record, paint),
  ].join("  ");
}

function describe(record: TapRecord, paint: Paint): string {
  switch (record.type) {
    case "open":
      return `open, ${record.connection.role}${record.connection.joined === "midstream" ? ", midstream" : ""}`;
    case "data":
      return describeData(record, paint);
    case "gap":
      return paint("yellow", `missing ${formatBytes(record.size)} (${record.cause})`);
    case "close":
      return `close, sent ${formatBytes(record.egress.bytes)}, received ${formatBytes(record.ingress.bytes)}, ${formatDuration(record.duration)}`;
  }
}

function describeData(record: DataRecord, paint: Paint): string {
  const captured = BigInt(record.payload?.length ?? 0);
  const amount =
    captured === record.size || captured === 0n
      ? formatBytes(record.size)
      : `${formatBytes(captured)} of ${formatBytes(record.size)}`;
  const line = record.payload === undefined ? "" : firstLine(record.payload);
  return line === "" ? amount : `${amount}  ${paint("dim", "|")} ${line}`;
}
