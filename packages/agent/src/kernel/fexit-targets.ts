import { constants } from "node:os";
import {
  BpfError,
  findKernelFunctions,
  type BpfObject,
  type BpfProgram,
  type KernelFunction,
} from "@tcptracker/libbpf";
import {
  isFileHook,
  STAGE_NAMES,
  stageProgramsOf,
  type ProgramSet,
  type StagePrograms,
} from "@tcptracker/probes";

/**
 * Says which functions of the kernel the fexit programs are for. All programs that share an array of stages must be for
 * functions of the same type, and the kernel's BTF may have several of one name: those of Debian's 6.1 have two of each
 * call on sockets, of which only one is of the type that the functions for 32-bit programs have as well.
 *
 * @param leaveOut - called for a hook that this kernel has no function for, or none of the type that the others have
 */
export function chooseFexitTargets(
  object: BpfObject,
  set: ProgramSet,
  hooks: readonly BpfProgram[],
  leaveOut: (program: BpfProgram, error: BpfError) => void,
): void {
  const { stages, fileStages = stages, sendFile } = set;
  const functions = findKernelFunctions(
    [...hooks, ...[...stageProgramsOf(set), sendFile].map((name) => object.program(name))].map(functionOf),
  );
  const chooseFor = (names: readonly string[], files: boolean): void => {
    const programs = names.map((name) => object.program(name));
    const members = hooks.filter((hook) => isFileHook(functionOf(hook)) === files);
    chooseForArray(programs, members, functions, leaveOut);
  };
  chooseFor([...programsIn(fileStages), sendFile], true);
  chooseFor(programsIn(stages), false);
}

function programsIn(stages: StagePrograms): string[] {
  return STAGE_NAMES.flatMap((stage) => stages[stage] ?? []);
}

/** "fexit.id/__x64_sys_sendto" is for __x64_sys_sendto. */
function functionOf(program: BpfProgram): string {
  return program.target ?? "";
}

function chooseForArray(
  stages: readonly BpfProgram[],
  hooks: readonly BpfProgram[],
  functions: ReadonlyMap<string, readonly KernelFunction[]>,
  leaveOut: (program: BpfProgram, error: BpfError) => void,
): void {
  const found = (program: BpfProgram): readonly KernelFunction[] => functions.get(functionOf(program)) ?? [];
  const prototype = mostCommon(hooks.flatMap((hook) => found(hook).map((one) => one.prototype)));
  const choose = (program: BpfProgram): KernelFunction | undefined =>
    found(program).find((one) => one.prototype === prototype);
  for (const program of stages) {
    const chosen = choose(program);
    if (chosen === undefined) throw refusal(program, found(program).length > 0);
    program.setAttachId(chosen.id);
  }
  for (const hook of hooks) {
    const chosen = choose(hook);
    if (chosen === undefined) leaveOut(hook, refusal(hook, found(hook).length > 0));
    else hook.setAttachId(chosen.id);
  }
}

function mostCommon(values: readonly number[]): number | undefined {
  const counts = Map.groupBy(values, (value) => value);
  return Array.from(counts).toSorted(([, a], [, b]) => b.length - a.length)[0]?.[0];
}

function refusal(program: BpfProgram, exists: boolean): BpfError {
  const operation = `find function ${functionOf(program)} in the kernel's BTF`;
  return exists
    ? new BpfError("ERR_BPF_NOT_SUPPORTED", {
        operation,
        reason: "its type is not that of the other system calls, so that it cannot share their programs",
      })
    : new BpfError("ERR_BPF_NOT_FOUND", {
        operation,
        reason: "the kernel has none",
        errno: constants.errno.ENOENT,
      });
}
