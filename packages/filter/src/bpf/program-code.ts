import type { Instruction, Label } from "./instructions.ts";
import { slotsOf } from "./instructions.ts";

/** Which instruction a label is at. */
export interface LabelPlace {
  readonly label: Label;
  readonly at: number;
}

/** A complete program: what can be encoded, listed and measured. */
export class BpfProgramCode {
  readonly instructions: readonly Instruction[];
  /** By label: the index of its instruction. */
  readonly targets: ReadonlyMap<Label, number>;

  private constructor(instructions: readonly Instruction[], targets: ReadonlyMap<Label, number>) {
    this.instructions = instructions;
    this.targets = targets;
  }

  /** @internal See {@link Assembler.finish}. */
  static link(instructions: readonly Instruction[], places: readonly LabelPlace[]): BpfProgramCode {
    const placed = new Map<Label, number>();
    for (const { label, at } of places) {
      if (placed.has(label)) throw new RangeError(`the label ${label.name} is placed twice`);
      placed.set(label, at);
    }
    checkJumps(instructions, placed);
    const reached = reachable(instructions, placed);
    const kept: Instruction[] = [];
    const moved: number[] = [];
    for (const [index, instruction] of instructions.entries()) {
      moved.push(kept.length);
      if (reached[index] !== true || isNeedless(instruction, index, instructions, placed, reached)) continue;
      kept.push(instruction);
    }
    const targets = new Map<Label, number>();
    for (const [label, at] of placed) targets.set(label, moved[at] ?? kept.length);
    return new BpfProgramCode(kept, targets);
  }

  /** In 8-byte slots, as the kernel counts. */
  get slots(): number {
    return this.instructions.reduce((sum, instruction) => sum + slotsOf(instruction), 0);
  }

  /** The names of the maps that it uses. */
  get maps(): readonly string[] {
    const names = this.instructions.flatMap((one) => (one.kind === "map" ? [one.map] : []));
    return Array.from(new Set(names));
  }

  /** How many instructions run at most. */
  get worstCase(): number {
    const most: number[] = [];
    for (let at = this.instructions.length - 1; at >= 0; at--) {
      const follow = this.#followers(at).map((next) => most[next] ?? 0);
      most[at] = 1 + Math.max(0, ...follow);
    }
    return most[0] ?? 0;
  }

  /** The slot that each instruction begins at, and the end. */
  slotOffsets(): readonly number[] {
    const offsets = [0];
    for (const instruction of this.instructions) offsets.push((offsets.at(-1) ?? 0) + slotsOf(instruction));
    return offsets;
  }

  #followers(at: number): number[] {
    const instruction = this.instructions[at];
    if (instruction === undefined || instruction.kind === "exit") return [];
    if (instruction.kind === "jump") return [this.targets.get(instruction.to) ?? 0];
    if (instruction.kind === "branch") return [at + 1, this.targets.get(instruction.to) ?? 0];
    return [at + 1];
  }
}

function checkJumps(instructions: readonly Instruction[], placed: ReadonlyMap<Label, number>): void {
  for (const [index, instruction] of instructions.entries()) {
    if (instruction.kind !== "jump" && instruction.kind !== "branch") continue;
    const at = placed.get(instruction.to);
    if (at === undefined) throw new RangeError(`the label ${instruction.to.name} is not placed`);
    if (at <= index) throw new RangeError(`a jump back to the label ${instruction.to.name}`);
    if (at >= instructions.length) throw new RangeError(`nothing follows the label ${instruction.to.name}`);
  }
}

/** The verifier refuses programs with instructions that nothing leads to. Jumps lead forwards, so one pass is enough. */
function reachable(instructions: readonly Instruction[], placed: ReadonlyMap<Label, number>): boolean[] {
  const reached = instructions.map((_, index) => index === 0);
  for (const [index, instruction] of instructions.entries()) {
    if (reached[index] !== true) continue;
    if (instruction.kind === "jump" || instruction.kind === "branch")
      reached[placed.get(instruction.to) ?? 0] = true;
    if (instruction.kind === "jump" || instruction.kind === "exit") continue;
    if (index + 1 >= instructions.length) throw new RangeError("the program runs over its end");
    reached[index + 1] = true;
  }
  return reached;
}

/** A jump to what follows anyway. */
function isNeedless(
  instruction: Instruction,
  index: number,
  instructions: readonly Instruction[],
  placed: ReadonlyMap<Label, number>,
  reached: readonly boolean[],
): boolean {
  if (instruction.kind !== "jump") return false;
  const target = placed.get(instruction.to) ?? 0;
  for (let at = index + 1; at < target; at++) if (reached[at] === true) return false;
  return target < instructions.length;
}
