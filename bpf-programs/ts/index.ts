/**
 * The compiled eBPF programs of tcptracker and the names inside them.
 *
 * @packageDocumentation
 */
export { ProbesError, type ProbesErrorCode } from "./errors.ts";
export {
  type AttachStrategy,
  type IoUringPrograms,
  MAPS,
  type ObjectChoice,
  isFileHook,
  probeObject,
  type ProbeObject,
  type ProgramKind,
  type ProgramSet,
  setObjectDirectory,
  STAGE_NAMES,
  type StagePrograms,
  stageProgramsOf,
  type Transport,
} from "./objects.ts";
