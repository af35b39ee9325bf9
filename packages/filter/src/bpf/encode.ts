import { CONDITION_BITS, HELPERS, OPERATION_BITS, slotsOf, WIDTH_BITS } from "./instructions.ts";
import type { Instruction } from "./instructions.ts";
import type { BpfProgramCode } from "./program-code.ts";

/** Classes of instructions (BPF_LD, …) with what all of them here have in common. */
const LOAD_CONSTANT = 0x18;
const LOAD = 0x61;
const STORE_IMMEDIATE = 0x62;
const STORE = 0x63;
const ATOMIC_ADD = 0xdb;
const ARITHMETIC = 0x07;
const MOVE = 0xbf;
const SET = 0xb7;
const JUMP = 0x05;
const CALL = 0x85;
const EXIT = 0x95;
/** In a load of a constant: it is a map's file descriptor. */
const PSEUDO_MAP = 1;
const SLOT = 8;

/** The farthest that a jump goes. */
export const JUMP_LIMIT = 0x7fff;

/**
 * The program as the kernel loads it: 8 bytes per slot, little-endian.
 *
 * @param fileDescriptors of the maps, by name
 * @throws RangeError for a map without one, or a jump over more than {@link JUMP_LIMIT} slots
 */
export function encode(program: BpfProgramCode, fileDescriptors: ReadonlyMap<string, number>): Uint8Array {
  const offsets = program.slotOffsets();
  const view = new DataView(new ArrayBuffer((offsets.at(-1) ?? 0) * SLOT));
  for (const [index, instruction] of program.instructions.entries()) {
    const at = offsets[index] ?? 0;
    const distance = (): number => {
      if (instruction.kind !== "jump" && instruction.kind !== "branch") return 0;
      const slots = (offsets[program.targets.get(instruction.to) ?? 0] ?? 0) - at - 1;
      if (slots > JUMP_LIMIT) throw new RangeError(`a jump over ${slots} slots`);
      return slots;
    };
    write(view, at * SLOT, instruction, distance(), fileDescriptors);
  }
  return new Uint8Array(view.buffer);
}

function write(
  view: DataView,
  at: number,
  instruction: Instruction,
  distance: number,
  fileDescriptors: ReadonlyMap<string, number>,
): void {
  const put = (code: number, to: number, from: number, offset: number, immediate: number): void => {
    view.setUint8(at, code);
    view.setUint8(at + 1, to | (from << 4));
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, immediate, true);
  };
  const one = instruction;
  switch (one.kind) {
    case "move": {
      put(MOVE, one.to, one.from, 0, 0);
      return;
    }
    case "set": {
      put(SET, one.to, 0, 0, one.value);
      return;
    }
    case "constant":
      put(LOAD_CONSTANT, one.to, 0, 0, 0);
      view.setUint32(at + 4, Number(one.value & 0xffff_ffffn), true);
      view.setUint32(at + SLOT * slotsOf(one) - 4, Number(one.value >> 32n), true);
      return;
    case "map": {
      const descriptor = fileDescriptors.get(one.map);
      if (descriptor === undefined) throw new RangeError(`the map ${one.map} is not there`);
      put(LOAD_CONSTANT, one.to, PSEUDO_MAP, 0, descriptor);
      return;
    }
    case "arithmetic": {
      put(ARITHMETIC | OPERATION_BITS[one.operation], one.to, 0, 0, one.value);
      return;
    }
    case "load": {
      put(LOAD | WIDTH_BITS[one.width], one.to, one.base, one.offset, 0);
      return;
    }
    case "store": {
      put(STORE | WIDTH_BITS[one.width], one.base, one.from, one.offset, 0);
      return;
    }
    case "storeImmediate": {
      put(STORE_IMMEDIATE | WIDTH_BITS[one.width], one.base, 0, one.offset, one.value);
      return;
    }
    case "add": {
      put(ATOMIC_ADD, one.base, one.from, one.offset, 0);
      return;
    }
    case "call": {
      put(CALL, 0, 0, 0, HELPERS[one.helper]);
      return;
    }
    case "jump": {
      put(JUMP, 0, 0, distance, 0);
      return;
    }
    case "branch": {
      const [from, immediate] = one.immediate ? [0, one.right] : [one.right, 0];
      const source = one.immediate ? 0 : 0x08;
      put(JUMP | CONDITION_BITS[one.condition] | source, one.left, from, distance, immediate);
      return;
    }
    case "exit": {
      put(EXIT, 0, 0, 0, 0);
      return;
    }
  }
}
