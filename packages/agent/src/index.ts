/**
 * The traffic tap as a library: start a {@link Tap} and iterate over its records.
 *
 * @packageDocumentation
 */
export type { CloseRecord, DataRecord, GapRecord, OpenRecord, TapRecord } from "@tcptracker/events";
export { TapError, type TapErrorCode } from "./errors.ts";
export type { Hook } from "./kernel/attachment.ts";
export { ioUringSupport, type IoUringSupport } from "./kernel/io-uring.ts";
export type { Counters } from "./kernel/probe.ts";
export {
  ATTACH_STRATEGIES,
  PROGRAM_KINDS,
  resolveOptions,
  TRANSPORTS,
  type Attach,
  type Programs,
  type ResolvedTapOptions,
  type TapOptions,
  type Transport,
} from "./options.ts";
export { runPipeline, type Sink, type Source, type Stage } from "./pipeline.ts";
export { JsonSink } from "./sinks/json.ts";
export { LineOutput } from "./sinks/line-output.ts";
export { formatRecord, TextSink, type Paint } from "./sinks/text.ts";
export { Tap, type TapStatistics } from "./tap.ts";
