/**
 * The eBPF instructions that filters are made of: those of the first kernels that could run them (no 32-bit arithmetic or
 * jumps, no atomics that return a value).
 */
import type { Span } from "../kernel/expression.ts";

/** r0: result; r1 to r5: arguments, gone after a call; r6 to r9: kept over calls; r10: the stack's end. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

/** Bytes of a load or store. */
export type Width = 1 | 2 | 4 | 8;

/** How a jump compares, unsigned. */
export type Condition = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Helpers of the kernel, by the names of its documentation; the numbers are those of `enum bpf_func_id`. */
export const HELPERS = {
  map_lookup_elem: 1,
  tail_call: 12,
  get_current_pid_tgid: 14,
  probe_read_kernel_str: 115,
} as const;

export type Helper = keyof typeof HELPERS;

/** Somewhere in a program; placed once, jumped to from before. */
export interface Label {
  readonly name: string;
}

/** One instruction, with operands that are not known before the load by name. */
export type Instruction = { readonly span: Span | undefined } & (
  | { readonly kind: "move"; readonly to: Register; readonly from: Register }
  | { readonly kind: "set"; readonly to: Register; readonly value: number }
  | { readonly kind: "constant"; readonly to: Register; readonly value: bigint }
  | { readonly kind: "map"; readonly to: Register; readonly map: string }
  | {
      readonly kind: "arithmetic";
      readonly operation: "+" | "&" | "<<";
      readonly to: Register;
      readonly value: number;
    }
  | {
      readonly kind: "load";
      readonly to: Register;
      readonly base: Register;
      readonly offset: number;
      readonly width: Width;
    }
  | {
      readonly kind: "store";
      readonly base: Register;
      readonly offset: number;
      readonly from: Register;
      readonly width: Width;
    }
  | {
      readonly kind: "storeImmediate";
      readonly base: Register;
      readonly offset: number;
      readonly value: number;
      readonly width: Width;
    }
  | { readonly kind: "add"; readonly base: Register; readonly offset: number; readonly from: Register }
  | { readonly kind: "call"; readonly helper: Helper }
  | { readonly kind: "jump"; readonly to: Label }
  | {
      readonly kind: "branch";
      readonly condition: Condition;
      readonly left: Register;
      readonly right: number;
      /** Whether `right` is a value and not the number of a register. */
      readonly immediate: boolean;
      readonly to: Label;
    }
  | { readonly kind: "exit" }
);

/** The bytes that loads and stores of each width have in their first half. */
export const WIDTH_BITS: Readonly<Record<Width, number>> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

export const CONDITION_BITS: Readonly<Record<Condition, number>> = {
  "==": 0x10,
  "!=": 0x50,
  ">": 0x20,
  ">=": 0x30,
  "<": 0xa0,
  "<=": 0xb0,
};

export const OPERATION_BITS: Readonly<Record<"+" | "&" | "<<", number>> = {
  "+": 0x00,
  "&": 0x50,
  "<<": 0x60,
};

/** How many 8-byte slots an instruction takes. */
export function slotsOf(instruction: Instruction): 1 | 2 {
  return instruction.kind === "constant" || instruction.kind === "map" ? 2 : 1;
}
