import { createWriteStream } from "node:fs";
import { styleText } from "node:util";
import { startAttributing, type Attributing } from "../attribution/attributing.ts";
import { runPipeline } from "../pipeline.ts";
import { JsonSink } from "../sinks/json.ts";
import { LineOutput } from "../sinks/line-output.ts";
import { TextSink, type Paint } from "../sinks/text.ts";
import { summaryLines } from "../summary.ts";
import { Tap } from "../tap.ts";
import type { AttributionCommand } from "./attribution-options.ts";
import { EXIT } from "./exit-codes.ts";
import { say } from "./say.ts";
import type { TapCommand } from "./tap-options.ts";

/** What may wait for a slow reader of standard output before the tap waits for it, in bytes. */
const OUTPUT_BUFFER = 1024 * 1024;

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Colours where standard output is a terminal that wants them (NO_COLOR, FORCE_COLOR and TERM are heeded). */
const paint: Paint = (style, text) => styleText(style, text, { stream: process.stdout });

/** Runs `tcptracker tap` until its duration is over, a signal comes, or nobody reads its output any more. */
export async function runTapCommand(command: TapCommand): Promise<number> {
  const { json, duration, options } = command;
  let outputError: NodeJS.ErrnoException | undefined;
  let stopped: bigint | undefined;
  // Before the tap, so that nobody is recorded who is not known.
  using attributing = await startAttribution(command.attribution);
  const tap = Tap.start(
    attributing === undefined ? options : { ...options, containers: attributing.containers },
  );
  const started = process.hrtime.bigint();
  const stop = (): void => {
    stopped ??= process.hrtime.bigint();
    // A second signal is meant: it ends the process at once.
    for (const signal of SIGNALS) process.removeListener(signal, stop);
    void tap.stop();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  // Not process.stdout: that writes to pipes synchronously, and while it blocks nobody empties the ring.
  const stdout = createWriteStream("", { fd: 1, autoClose: false, highWaterMark: OUTPUT_BUFFER });
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    outputError ??= error;
    stop();
  });
  const timer = duration === undefined ? undefined : setTimeout(stop, duration);
  for (const { target, reason } of tap.missingHooks) say(`${target} is not seen: ${reason}`);
  const refusal = tap.filter?.refusal;
  if (refusal !== undefined)
    say(`the kernel refuses the filter's programs, so that all of it is decided here: ${refusal.message}`);
  say(`tapping the TCP connections of this host by ${tap.attachedAs}; Ctrl-C stops`);

  const output = new LineOutput(stdout);
  const sink = json ? new JsonSink(output) : new TextSink(output, paint);
  try {
    await runPipeline(tap, attributing === undefined ? [] : [attributing.stage], [sink]);
  } finally {
    clearTimeout(timer);
    await tap.stop();
  }
  for (const line of summaryLines(tap.statistics(), (stopped ?? process.hrtime.bigint()) - started))
    say(line);
  for (const line of attributing?.summary() ?? []) say(line);
  if (outputError === undefined || outputError.code === "EPIPE") return EXIT.done;
  say(`cannot write records: ${outputError.message}`);
  return EXIT.failed;
}

async function startAttribution(command: AttributionCommand | undefined): Promise<Attributing | undefined> {
  return command === undefined ? undefined : await startAttributing(command, say);
}
