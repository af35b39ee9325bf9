/**
 * The schema `tcptracker.v1`, as generated code for @bufbuild/protobuf: `create`, `toBinary`, `fromBinary`, `toJson`.
 *
 * @packageDocumentation
 */
export {
  AccountingSchema,
  AcknowledgementSchema,
  BatchSchema,
  CollectorService,
  ExportRequestSchema,
  ExportResponseSchema,
  HelloSchema,
  LossSchema,
  ResourceSchema,
  WelcomeSchema,
} from "./gen/tcptracker/v1/collector_pb.ts";
export type {
  Accounting,
  Acknowledgement,
  Batch,
  ExportRequest,
  ExportResponse,
  Hello,
  Loss,
  Resource,
  Welcome,
} from "./gen/tcptracker/v1/collector_pb.ts";
export {
  CloseSchema,
  ConnectionSchema,
  ContainerSchema,
  DataSchema,
  Direction,
  EndpointSchema,
  GapCause,
  GapSchema,
  Joined,
  Network,
  NamespacedNameSchema,
  OpenSchema,
  PodOwnerSchema,
  PodSchema,
  ProcessSchema,
  RangeSchema,
  RecordSchema,
  Role,
  Shutdown,
  Syscall,
} from "./gen/tcptracker/v1/record_pb.ts";
export type {
  Close,
  Connection,
  Container,
  Data,
  Endpoint,
  Gap,
  NamespacedName,
  Open,
  Pod,
  PodOwner,
  Process,
  Range,
  Record,
} from "./gen/tcptracker/v1/record_pb.ts";
