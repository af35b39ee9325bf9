import {
  formatTarget,
  GrpcExporter,
  isLoopback,
  readResource,
  type Drained,
  type ExporterEvent,
  type ExporterStatistics,
  type LossSums,
  type Target,
} from "@tcptracker/grpc-exporter";
import type { ExportCommand } from "../cli/export-options.ts";
import { formatBytes, plural } from "../format.ts";
import { ExportSink } from "../sinks/export.ts";
import { WithoutCollector } from "./without-collector.ts";

/** An export that runs beside a tap: a stage that keeps it from feeding itself, and a sink. */
export interface Exporting {
  readonly stage: WithoutCollector;
  readonly sink: ExportSink;
  statistics(): ExporterStatistics;
  /** What a person wants to know at the end. */
  summary(): string[];
  /** Whether everything was delivered, or is kept for the next time. */
  isSafe(): boolean;
  /** Ends it at once. */
  abandon(): Promise<void>;
}

/**
 * Starts to export. A collector that is not there is no error.
 *
 * @throws ExportError for files, directories or options that cannot be used
 */
export async function startExporting(
  command: ExportCommand,
  version: string,
  say: (text: string) => void,
): Promise<Exporting> {
  const { target, spool } = command;
  const exporter = await GrpcExporter.start({
    ...command,
    resource: readResource(version),
    onEvent: (event) => {
      say(describeEvent(event, target, spool));
    },
  });
  const how = exporter.encrypted ? "by TLS" : describePlaintext(target);
  say(`exporting to ${formatTarget(target)} ${how}`);
  const stage = await WithoutCollector.of(target);
  const sink = new ExportSink(exporter);
  return {
    stage,
    sink,
    statistics: () => exporter.statistics(),
    summary: () => summaryLines(exporter.statistics(), stage.leftOut, sink.left, spool),
    isSafe: () => sink.left.lost === 0,
    abandon: async () => {
      await exporter.close(0);
    },
  };
}

function describePlaintext({ host }: Target): string {
  return isLoopback(host)
    ? "in plaintext (loopback)"
    : "in PLAINTEXT (--insecure): whoever is on the way can read and change it";
}

/** What an event means to a person. */
export function describeEvent(event: ExporterEvent, target: Target, spool: string | undefined): string {
  switch (event.type) {
    case "connected":
      return `the collector ${formatTarget(target)} receives`;
    case "disconnected":
      return `${event.error.message}; trying again, records wait in ${spool === undefined ? "memory" : spool}`;
    case "reloaded":
      return "certificates or token have changed; connecting anew";
    case "problem":
      return `export: ${event.error.message}`;
  }
}

function declaredText({ undeclaredBytes }: LossSums[keyof LossSums], lost: number): string {
  if (lost > 0) return "declared missing by batches that may be among those that were NOT delivered";
  return undeclaredBytes === 0
    ? "declared missing"
    : `${formatBytes(undeclaredBytes)} of it NOT declared missing`;
}

/** What a person wants to know of an export at its end. */
export function summaryLines(
  { records, batches, resentBatches, losses }: ExporterStatistics,
  leftOut: number,
  { batches: left, lost }: Drained,
  spool: string | undefined,
): string[] {
  const lines = [
    `exported ${plural(records, "record")} in ${batches} ${batches === 1 ? "batch" : "batches"}, ${resentBatches} sent again`,
  ];
  if (leftOut > 0) lines.push(`${plural(leftOut, "record")} of the collector's own connections left out`);
  for (const [cause, sums] of Object.entries(losses))
    if (sums.batches > 0)
      lines.push(
        `${plural(sums.records, "record")} with ${formatBytes(sums.payloadBytes)} given up (${cause}), ${declaredText(sums, lost)}`,
      );
  if (lost > 0)
    lines.push(
      `${lost} batches were NOT delivered; ${spool === undefined ? "a --spool would keep them" : `the disk of ${spool} did not take them`}`,
    );
  if (left > lost)
    lines.push(
      `${left - lost} batches are not delivered yet; they are in ${spool ?? ""} and go with the next export`,
    );
  return lines;
}
