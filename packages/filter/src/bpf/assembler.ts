import type { Span } from "../kernel/expression.ts";
import type { Condition, Helper, Instruction, Label, Register, Width } from "./instructions.ts";
import { BpfProgramCode, type LabelPlace } from "./program-code.ts";

/** Immediate operands have 32 bits and are sign-extended: from here on a constant needs a register. */
const IMMEDIATE_LIMIT = 0x8000_0000n;

type Bare<T> = T extends unknown ? Omit<T, "span"> : never;

/**
 * Writes down a program instruction by instruction. Labels can only be jumped to forwards, so that no program has a loop.
 *
 * ```ts
 * const code = new Assembler();
 * const small = code.label("small");
 * code.branch(1, "<", 10n, small).set(0, 1).exit().place(small).set(0, 0).exit();
 * const program = code.finish();
 * ```
 */
export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #places: LabelPlace[] = [];
  #span: Span | undefined;

  /** How many instructions there are so far. */
  get length(): number {
    return this.#instructions.length;
  }

  /** What the following instructions are for: a part of the filter's text. */
  from(span: Span | undefined): this {
    this.#span = span;
    return this;
  }

  /** A new label: any number of jumps, then {@link place}. */
  label(name: string): Label {
    return { name };
  }

  /** The next instruction is the label's. */
  place(label: Label): this {
    this.#places.push({ label, at: this.#instructions.length });
    return this;
  }

  move(to: Register, from: Register): this {
    return this.#add({ kind: "move", to, from });
  }

  /** `value` has less than 32 bits. */
  set(to: Register, value: number): this {
    return this.#add({ kind: "set", to, value });
  }

  /** `value` is unsigned and has up to 64 bits. */
  constant(to: Register, value: bigint): this {
    return this.#add({ kind: "constant", to, value });
  }

  /** The address of a map. */
  map(to: Register, map: string): this {
    return this.#add({ kind: "map", to, map });
  }

  arithmetic(to: Register, operation: "+" | "&" | "<<", value: number): this {
    return this.#add({ kind: "arithmetic", operation, to, value });
  }

  /** to = *(base + offset), zero-extended. */
  load(to: Register, base: Register, offset: number, width: Width): this {
    return this.#add({ kind: "load", to, base, offset, width });
  }

  /** *(base + offset) = from */
  store(base: Register, offset: number, from: Register, width: Width): this {
    return this.#add({ kind: "store", base, offset, from, width });
  }

  /** *(base + offset) = value, which has less than 32 bits. */
  storeImmediate(base: Register, offset: number, value: number, width: Width): this {
    return this.#add({ kind: "storeImmediate", base, offset, value, width });
  }

  /** Adds to the 8 bytes at base + offset, atomically. */
  add(base: Register, offset: number, from: Register): this {
    return this.#add({ kind: "add", base, offset, from });
  }

  /** r0 = helper(r1, …); r1 to r5 are gone. */
  call(helper: Helper): this {
    return this.#add({ kind: "call", helper });
  }

  jump(to: Label): this {
    return this.#add({ kind: "jump", to });
  }

  /** Jumps when register and constant compare so; `scratch` is for constants that are too large for the instruction. */
  branch(left: Register, condition: Condition, value: bigint, to: Label, scratch: Register = 5): this {
    if (value < IMMEDIATE_LIMIT)
      return this.#add({ kind: "branch", condition, left, right: Number(value), immediate: true, to });
    return this.constant(scratch, value).branchRegisters(left, condition, scratch, to);
  }

  branchRegisters(left: Register, condition: Condition, right: Register, to: Label): this {
    return this.#add({ kind: "branch", condition, left, right, immediate: false, to });
  }

  exit(): this {
    return this.#add({ kind: "exit" });
  }

  /**
   * The program, without what no jump and no instruction leads to.
   *
   * @throws RangeError for a label that is placed twice or not at all, or before a jump to it
   */
  finish(): BpfProgramCode {
    return BpfProgramCode.link(this.#instructions, this.#places);
  }

  #add(instruction: Bare<Instruction>): this {
    this.#instructions.push({ ...instruction, span: this.#span });
    return this;
  }
}
