import { checkString } from "./arguments.ts";
import { invoke } from "./invoke.ts";

/** One of the functions of a name that the running kernel's BTF describes. */
export interface KernelFunction {
  /** What {@link BpfProgram.setAttachId} and `attachBtfId` of {@link loadProgram} take. */
  id: number;
  /** The id of its type: programs for functions of the same type may share a program array. */
  prototype: number;
}

/**
 * All functions of these names in the running kernel's BTF, by name: none where there is no such function, more than one where
 * the kernel was linked from several (a weak one that was replaced, say). Throws ERR_BPF_NOT_SUPPORTED without BTF.
 */
export function findKernelFunctions(names: readonly string[]): Map<string, KernelFunction[]> {
  const operation = "find functions in the kernel's BTF";
  for (const name of names) checkString(operation, "a name", name);
  const found = invoke(operation, "ERR_BPF_NOT_SUPPORTED", (native) => native.kernelFunctions([...names]));
  return new Map(names.map((name, index) => [name, inPairs(found[index] ?? [])]));
}

function inPairs(numbers: readonly number[]): KernelFunction[] {
  return numbers.flatMap((id, index) => (index % 2 === 0 ? { id, prototype: numbers[index + 1] ?? 0 } : []));
}
