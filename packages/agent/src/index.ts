/**
 * The traffic tap as a library: start a {@link Tap} and iterate over its records.
 *
 * @packageDocumentation
 */
export type { CloseRecord, DataRecord, GapRecord, OpenRecord, TapRecord } from "@tcptracker/events";
export type { Capability } from "./doctor/capabilities.ts";
export { diagnose, type DiagnoseOptions, type Progress } from "./doctor/diagnose.ts";
export type {
  BlindSpot,
  BlindSpotCode,
  CallHook,
  Declaration,
  Diagnosis,
  Finding,
  FindingArea,
  FindingCode,
  FindingState,
  RefusalReason,
  Verdict,
  WayReport,
  WayState,
} from "./doctor/diagnosis.ts";
export type { Facts } from "./doctor/facts.ts";
export type { Explanation, ExplainedMap, ExplainedProgram, Measurement } from "./filter/explanation.ts";
export { explainFilter } from "./filter/explanation.ts";
export type { FilterStatus } from "./filter/tap-filter.ts";
export { TapError, type TapErrorCode } from "./errors.ts";
export type { Hook } from "./kernel/attachment.ts";
export { ioUringSupport, type IoUringSupport } from "./kernel/io-uring.ts";
export type { PageCacheSupport } from "./kernel/page-cache.ts";
export type { Way } from "./kernel/candidates.ts";
export type { Counters, Refusal } from "./kernel/probe.ts";
export {
  ATTACH_STRATEGIES,
  PROGRAM_KINDS,
  resolveOptions,
  SECOND_COPIES,
  TRANSPORTS,
  type Attach,
  type Programs,
  type ResolvedTapOptions,
  type SecondCopies,
  type TapOptions,
  type Transport,
} from "./options.ts";
export { runPipeline, type Sink, type Source, type Stage } from "./pipeline.ts";
export { SECRET_HEADERS } from "./redact/header-scanner.ts";
export { Redactor, type RedactorOptions } from "./redact/redactor.ts";
export { ExportSink } from "./sinks/export.ts";
export { JsonSink } from "./sinks/json.ts";
export { LineOutput } from "./sinks/line-output.ts";
export { formatRecord, TextSink, type Paint } from "./sinks/text.ts";
export { Tap, type TapStatistics } from "./tap.ts";
