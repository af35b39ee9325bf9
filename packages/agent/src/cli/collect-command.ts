import { createWriteStream } from "node:fs";
import { styleText } from "node:util";
import { toJson } from "@tcptracker/events";
import {
  ExportError,
  GrpcCollector,
  type BatchSink,
  type CollectorOptions,
  type ReceivedBatch,
  type Target,
} from "@tcptracker/grpc-exporter";
import { CollectorNarrator, collectorSummary, describeListening } from "../collect/describe.ts";
import { RecordFile } from "../collect/record-file.ts";
import { RecordStream } from "../collect/record-stream.ts";
import { formatRecord, type Paint } from "../sinks/text.ts";
import type { CollectCommand } from "./collect-options.ts";
import { EXIT } from "./exit-codes.ts";
import { say } from "./say.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

const plain: Paint = (_, text) => text;
const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

/** The lines of a batch. */
function formatter(json: boolean, style: Paint): (batch: ReceivedBatch) => string {
  const line = json ? toJson : (record: Parameters<typeof toJson>[0]) => formatRecord(record, style);
  return ({ records }) => records.map((record) => `${line(record)}\n`).join("");
}

/** What cannot be done to a file, with its name. */
async function writing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ExportError("ERR_EXPORT_FILE", `cannot write to ${path}: ${reason}`, { cause });
  }
}

/** The port first: whoever does not get it leaves the file as it is. */
async function start(options: CollectorOptions, file: RecordFile | undefined): Promise<GrpcCollector> {
  let collector: GrpcCollector | undefined;
  try {
    collector = await GrpcCollector.start(options);
    if (file !== undefined) await writing(file.path, file.begin());
    return collector;
  } catch (error) {
    await collector?.close();
    await file?.close();
    throw error;
  }
}

/** prom-client is loaded where it is used. */
async function startMetrics(
  listen: Target | undefined,
  collector: GrpcCollector,
): Promise<AsyncDisposable | undefined> {
  if (listen === undefined) return undefined;
  const { serveCollectorMetrics } = await import("../metrics/collector-metrics.ts");
  return await serveCollectorMetrics(listen, () => collector.statistics(), say);
}

/** Runs `tcptracker collect` until its duration is over, a signal comes, or nobody reads its output any more. */
export async function runCollectCommand(command: CollectCommand): Promise<number> {
  const { json, listen, tls, insecure, tokenFile, output, metrics, duration, limits } = command;
  const stop = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const onSignal = (): void => {
    // A second signal is meant: it ends the process at once.
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
    stop.resolve(undefined);
  };
  const file =
    output === undefined ? undefined : await writing(output, RecordFile.open(output, formatter(json, plain)));
  let sink: BatchSink | undefined = file;
  if (sink === undefined) {
    const stdout = createWriteStream("", { fd: 1, autoClose: false });
    stdout.on("error", stop.resolve);
    sink = new RecordStream(stdout, formatter(json, paint));
  }
  const narrator = new CollectorNarrator(say);
  const options: CollectorOptions = {
    ...{ listen, sink, limits },
    ...(tls === undefined ? {} : { tls }),
    ...(insecure === undefined ? {} : { insecure }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    onEvent: (event) => {
      narrator.tell(event);
    },
  };
  const collector = await start(options, file);
  const serving = await startMetrics(metrics, collector).catch(async (error: unknown) => {
    await collector.close();
    await file?.close();
    throw error;
  });
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const timer = duration === undefined ? undefined : setTimeout(onSignal, duration);
  const secured = { tls: tls !== undefined, mutual: tls?.ca !== undefined, token: tokenFile !== undefined };
  say(describeListening(collector.address, secured));

  const outputError = await stop.promise;
  clearTimeout(timer);
  await serving?.[Symbol.asyncDispose]();
  await collector.close();
  await file?.close();
  for (const line of collectorSummary(collector.statistics())) say(line);
  if (outputError === undefined || outputError.code === "EPIPE") return EXIT.done;
  say(`cannot write records: ${outputError.message}`);
  return EXIT.failed;
}
