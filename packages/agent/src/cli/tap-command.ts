import { createWriteStream } from "node:fs";
import { styleText } from "node:util";
import { startAttributing, type Attributing } from "../attribution/attributing.ts";
import type { Target } from "@tcptracker/grpc-exporter/target";
import type { ExportCommand } from "./export-options.ts";
import type { Exporting } from "../export/exporting.ts";
import { plural } from "../format.ts";
import { resolveOptions, type TapOptions } from "../options.ts";
import { RecordCounter } from "../metrics/record-counter.ts";
import type { Measured } from "../metrics/tap-metrics.ts";
import { runPipeline, type Sink } from "../pipeline.ts";
import { Redactor } from "../redact/redactor.ts";
import { JsonSink } from "../sinks/json.ts";
import { LineOutput } from "../sinks/line-output.ts";
import { TextSink, type Paint } from "../sinks/text.ts";
import { summaryLines } from "../summary.ts";
import { Tap } from "../tap.ts";
import { unseenLines } from "../unseen.ts";
import type { AttributionCommand } from "./attribution-options.ts";
import { ConfigReloader, holdHangups, sayRefusal } from "./config-reloader.ts";
import type { Configured } from "./configured-command.ts";
import type { TapCommand } from "./tap-options.ts";
import { EXIT } from "./exit-codes.ts";
import { say } from "./say.ts";

/** What may wait for a slow reader of standard output before the tap waits for it, in bytes. */
const OUTPUT_BUFFER = 1024 * 1024;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Colours where standard output is a terminal that wants them (NO_COLOR, FORCE_COLOR and TERM are heeded). */
const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

/**
 * Runs `tcptracker tap` until its duration is over, a signal comes, or nobody reads its output any more.
 *
 * @param read - gives `command` once more when SIGHUP comes: its file may have changed
 */
export async function runTapCommand(
  command: Configured<TapCommand>,
  read: () => Promise<Configured<TapCommand>>,
  version: string,
): Promise<number> {
  const { json, duration, options } = command;
  let outputError: NodeJS.ErrnoException | undefined;
  let stopped: bigint | undefined;
  const handOver = holdHangups(command);
  const exporting = await startExport(command.export, version);
  // Before the tap, so that nobody is recorded who is not known.
  using attributing = await startAttribution(command.attribution, exporting);
  const tap = await startTap(
    attributing === undefined ? options : { ...options, containers: attributing.containers },
    exporting,
  );
  const started = process.hrtime.bigint();
  const stop = (): void => {
    stopped ??= process.hrtime.bigint();
    // A second signal is meant: it ends the process at once.
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    // If that fails, it does so again at the end.
    tap.stop().catch(() => undefined);
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  const reloader = new ConfigReloader(tap, command, read, say);
  handOver();
  // Not process.stdout: that writes to pipes synchronously, and while it blocks nobody empties the ring.
  const stdout = createWriteStream("", { fd: 1, autoClose: false, highWaterMark: OUTPUT_BUFFER });
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    outputError ??= error;
    stop();
  });
  const timer = duration === undefined ? undefined : setTimeout(stop, duration);
  for (const line of unseenLines(tap)) say(line);
  sayRefusal(tap.filter, say);
  say(`tapping the TCP connections of this host by ${tap.attachedAs}; Ctrl-C stops`);

  const output = new LineOutput(stdout);
  const sinks: Sink[] = exporting === undefined ? [] : [exporting.sink];
  if (json) sinks.push(new JsonSink(output));
  else if (exporting === undefined) sinks.push(new TextSink(output, paint));
  // Last, so that other stages see what was really sent.
  const redactor = new Redactor({ ...command.redact, connections: resolveOptions(options).maxConnections });
  const passed = new RecordCounter();
  let metrics: AsyncDisposable | undefined;
  try {
    metrics = await startMetrics(command.metrics, { tap, passed, redactor, exporting });
    const stages = [exporting?.stage, attributing?.stage].filter((stage) => stage !== undefined);
    await runPipeline(tap, [...stages, redactor, passed], sinks);
  } finally {
    clearTimeout(timer);
    reloader[Symbol.dispose]();
    try {
      await tap.stop();
    } finally {
      // Also when that fails: a server that listens would keep the process alive.
      await metrics?.[Symbol.asyncDispose]();
      await exporting?.abandon();
    }
  }
  for (const line of summaryLines(tap.statistics(), (stopped ?? process.hrtime.bigint()) - started))
    say(line);
  for (const line of attributing?.summary() ?? []) say(line);
  if (redactor.redactedRecords > 0) say(`secrets replaced in ${plural(redactor.redactedRecords, "record")}`);
  for (const line of exporting?.summary() ?? []) say(line);
  if (exporting?.isSafe() === false) return EXIT.failed;
  if (outputError === undefined || outputError.code === "EPIPE") return EXIT.done;
  say(`cannot write records: ${outputError.message}`);
  return EXIT.failed;
}

/** Where it cannot begin, it leaves no export behind. */
async function startAttribution(
  command: AttributionCommand | undefined,
  exporting: Exporting | undefined,
): Promise<Attributing | undefined> {
  try {
    return command === undefined ? undefined : await startAttributing(command, say);
  } catch (error) {
    await exporting?.abandon();
    throw error;
  }
}

/** A tap that cannot be started leaves no export behind. */
async function startTap(options: TapOptions, exporting: Exporting | undefined): Promise<Tap> {
  try {
    return Tap.start(options);
  } catch (error) {
    await exporting?.abandon();
    throw error;
  }
}

/** gRPC takes 30 MiB: it is loaded where it is used. */
async function startExport(
  command: ExportCommand | undefined,
  version: string,
): Promise<Exporting | undefined> {
  if (command === undefined) return undefined;
  const { startExporting } = await import("../export/exporting.ts");
  return await startExporting(command, version, say);
}

/** prom-client is loaded where it is used. */
async function startMetrics(
  listen: Target | undefined,
  measured: Measured,
): Promise<AsyncDisposable | undefined> {
  if (listen === undefined) return undefined;
  const { serveTapMetrics } = await import("../metrics/tap-metrics.ts");
  return await serveTapMetrics(listen, measured, say);
}
