/**
 * Streams records to a collector, acknowledged and spooled; and receives them.
 *
 * @packageDocumentation
 */
export { GrpcCollector, type CollectorStatistics } from "./collector/collector.ts";
export type { CollectorEvent, CollectorLimits, CollectorOptions } from "./collector/options.ts";
export type { BatchSink, ReceivedBatch } from "./collector/received.ts";
export { ByteWriter } from "./encode/byte-writer.ts";
export { FieldsEncoder } from "./encode/encode-fields.ts";
export { encodeRecord } from "./encode/encode-record.ts";
export { fromProto } from "./encode/from-proto.ts";
export { toProto } from "./encode/to-proto.ts";
export { ExportError, type ExportErrorCode } from "./errors.ts";
export { GrpcExporter, type Drained } from "./exporter.ts";
export type { LossSums } from "./losses.ts";
export type { ExporterEvent, ExporterOptions } from "./options.ts";
export { readResource, type ExportResource } from "./resource.ts";
export type { ExporterStatistics } from "./statistics.ts";
export { lockPath } from "./store/path-lock.ts";
export type { BackoffOptions } from "./transport/backoff.ts";
export { formatTarget, isLoopback, parseTarget, type Target } from "./transport/loopback.ts";
export type { TlsFiles } from "./transport/tls-files.ts";
