import type { Span } from "../kernel/expression.ts";
import type { Instruction, Label } from "./instructions.ts";
import type { BpfProgramCode } from "./program-code.ts";

/** One line of a program's listing. */
export interface ListedInstruction {
  /** The slot that it begins at, as the kernel's own tools count. */
  readonly slot: number;
  /** Names of labels that stand here. */
  readonly labels: readonly string[];
  /** In the notation of bpftool and the verifier, nearly. */
  readonly text: string;
  /** The part of the filter that it belongs to; absent for what every filter has. */
  readonly span?: Span;
}

const TYPES = { 1: "u8", 2: "u16", 4: "u32", 8: "u64" } as const;

/** The program's instructions for people. */
export function list(program: BpfProgramCode): ListedInstruction[] {
  const offsets = program.slotOffsets();
  const labels = new Map<number, string[]>();
  for (const instruction of program.instructions) {
    if (instruction.kind !== "jump" && instruction.kind !== "branch") continue;
    const at = program.targets.get(instruction.to) ?? 0;
    const names = labels.get(at) ?? [];
    if (!names.includes(instruction.to.name)) labels.set(at, [...names, instruction.to.name]);
  }
  const slotOf = (label: Label): number => offsets[program.targets.get(label) ?? 0] ?? 0;
  return program.instructions.map((instruction, index) => ({
    slot: offsets[index] ?? 0,
    labels: labels.get(index) ?? [],
    text: format(instruction, slotOf),
    ...(instruction.span === undefined ? {} : { span: instruction.span }),
  }));
}

function format(one: Instruction, slotOf: (label: Label) => number): string {
  switch (one.kind) {
    case "move":
      return `r${one.to} = r${one.from}`;
    case "set":
      return `r${one.to} = ${one.value}`;
    case "constant":
      return `r${one.to} = ${hexadecimal(one.value)}`;
    case "map":
      return `r${one.to} = map[${one.map}]`;
    case "arithmetic":
      return `r${one.to} ${one.operation}= ${one.value}`;
    case "load":
      return `r${one.to} = ${place(one.width, one.base, one.offset)}`;
    case "store":
      return `${place(one.width, one.base, one.offset)} = r${one.from}`;
    case "storeImmediate":
      return `${place(one.width, one.base, one.offset)} = ${one.value}`;
    case "add":
      return `lock ${place(8, one.base, one.offset)} += r${one.from}`;
    case "call":
      return `call bpf_${one.helper}`;
    case "jump":
      return `goto ${slotOf(one.to)} <${one.to.name}>`;
    case "branch": {
      const right = one.immediate ? String(one.right) : `r${one.right}`;
      return `if r${one.left} ${one.condition} ${right} goto ${slotOf(one.to)} <${one.to.name}>`;
    }
    case "exit":
      return "exit";
  }
}

function place(width: keyof typeof TYPES, base: number, offset: number): string {
  const where = offset < 0 ? `- ${-offset}` : `+ ${offset}`;
  return `*(${TYPES[width]} *)(r${base} ${where})`;
}

function hexadecimal(value: bigint): string {
  return value < 10n ? String(value) : `0x${value.toString(16)}`;
}
