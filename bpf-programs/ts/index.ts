/**
 * The compiled eBPF programs of tcptracker and the names inside them.
 *
 * @packageDocumentation
 */
export { ProbesError, type ProbesErrorCode } from "./errors.ts";
export {
  type AttachStrategy,
  MAPS,
  probeObject,
  type ProbeObject,
  type ProgramKind,
  type ProgramSet,
  setObjectDirectory,
  TRACEPOINT_PROGRAMS,
} from "./objects.ts";
