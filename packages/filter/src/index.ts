export { Assembler } from "./bpf/assembler.ts";
export { encode, JUMP_LIMIT } from "./bpf/encode.ts";
export { DEPTH_LIMIT, generate, MAP_LIMIT, PROGRAM_LIMIT, whyUnfit } from "./bpf/generate.ts";
export type { Generated, KernelPrograms } from "./bpf/generate.ts";
export type { Condition, Helper, Label, Register, Width } from "./bpf/instructions.ts";
export { LAST_GENERATION, verdictOf } from "./bpf/layout.ts";
export { list } from "./bpf/listing.ts";
export type { ListedInstruction } from "./bpf/listing.ts";
export { numberKey } from "./bpf/maps.ts";
export type { PlannedMap } from "./bpf/maps.ts";
export type { BpfProgramCode } from "./bpf/program-code.ts";
export { SHARED_MAPS } from "./bpf/programs.ts";
export type { SharedMap } from "./bpf/programs.ts";
export { compile } from "./compile.ts";
export type { Filter } from "./compile.ts";
export { FilterError } from "./errors.ts";
export type { FilterErrorCode } from "./errors.ts";
export type { Predicate } from "./evaluate/predicate.ts";
export { RecordInput } from "./evaluate/record-input.ts";
export { formatPlan } from "./explain.ts";
export type { FilterPlan, KernelPart, Place, UserPart } from "./explain.ts";
export { levelOf, PAYLOAD_LIMIT, PREFIX_LIMIT } from "./kernel/expression.ts";
export type {
  Compare,
  CompareFields,
  Conditional,
  ConditionalOf,
  Connective,
  Constant,
  InNetworks,
  InSet,
  Junction,
  JunctionOf,
  KernelExpression,
  KernelField,
  KernelNetwork,
  KernelTest,
  Level,
  Logic,
  Not,
  NotOf,
  OneOf,
  Relation,
  Span,
  Text,
  TextOneOf,
} from "./kernel/expression.ts";
export { factsOf } from "./kernel/facts.ts";
export { formatKernel } from "./kernel/format.ts";
export { interpret } from "./kernel/interpret.ts";
export type { KernelFacts } from "./kernel/interpret.ts";
export type { DynamicSet } from "./kernel/sets.ts";
export { DEFAULT_SNAPLEN } from "./names/environment.ts";
export type { FilterEnvironment, SetDeclaration } from "./names/environment.ts";
export type { FilterInput } from "./names/input.ts";
