export { formatAddress, formatIpv6 } from "./addresses.ts";
export { assemble, assembleAsync, stream } from "./assemble.ts";
export { StreamAssembler } from "./assembler.ts";
export type { StreamAssemblerOptions, StreamAssemblerStats } from "./assembler.ts";
export { MonotonicClock } from "./clock.ts";
export type { ClockSample, ClockSources } from "./clock.ts";
export { RecordCursor } from "./cursor.ts";
export type { RecordCursorOptions } from "./cursor.ts";
export { toRecord } from "./decode.ts";
export { DecodeError, RecordJsonError } from "./errors.ts";
export type { DecodeErrorCode, DecodeErrorDetails } from "./errors.ts";
export { fromJson } from "./from-json.ts";
export { EXPORT_GAP_CAUSE } from "./gap-cause.ts";
export type { AnyGapCause, ExportGapCause } from "./gap-cause.ts";
export {
  COUNTER,
  COUNTER_COUNT,
  COUNTER_NAMES,
  DIRECTION,
  DIRECTION_NAMES,
  FILTER_LIMIT,
  FILTER_VERDICT,
  GAP_CAUSE,
  GAP_CAUSE_NAMES,
  JOINED,
  JOINED_NAMES,
  LAYOUT,
  LAYOUT_HASH,
  NETWORK,
  NETWORK_NAMES,
  RECORD_TYPE,
  RECORD_TYPE_NAMES,
  ROLE,
  ROLE_NAMES,
  SHUTDOWN,
  SHUTDOWN_NAMES,
  STAGE,
  SYSCALL,
  SYSCALL_COUNT,
  SYSCALL_NAMES,
} from "./gen/layout.ts";
export type {
  Counter,
  Direction,
  GapCause,
  Joined,
  Network,
  RecordType,
  Role,
  Shutdown,
  Syscall,
} from "./gen/layout.ts";
export { formatTime, toJson } from "./json.ts";
export { CONTAINER_RUNTIMES } from "./record.ts";
export { RecordFields } from "./record-fields.ts";
export type {
  CloseRecord,
  Connection,
  ContainerIdentity,
  ContainerRuntime,
  DataRecord,
  Endpoint,
  GapRecord,
  OpenRecord,
  PayloadRange,
  NamespacedName,
  PodIdentity,
  PodOwner,
  ProcessIdentity,
  RecordBase,
  RemoteEndpoint,
  RemoteNames,
  TapRecord,
} from "./record.ts";
export type { DataSegment, EndSegment, GapSegment, Segment, SegmentBase } from "./segment.ts";
