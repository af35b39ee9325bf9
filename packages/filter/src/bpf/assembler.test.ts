import { describe, expect, test } from "vitest";
import { Assembler, encode, list } from "../index.ts";

/** As bytes of one instruction: code, registers, offset, immediate. */
function bytes(...rows: readonly (readonly number[])[]): number[] {
  return rows.flat();
}

function encoded(code: Assembler, maps: ReadonlyMap<string, number> = new Map()): number[] {
  return Array.from(encode(code.finish(), maps));
}

const EXIT = [0x95, 0, 0, 0, 0, 0, 0, 0];

describe("instructions are what the kernel's documentation says", () => {
  test.each<[string, (code: Assembler) => Assembler, readonly number[]]>([
    ["r6 = r1", (code) => code.move(6, 1), [0xbf, 0x16, 0, 0, 0, 0, 0, 0]],
    ["r3 = 7", (code) => code.set(3, 7), [0xb7, 3, 0, 0, 7, 0, 0, 0]],
    [
      "r5 = 0x123456789a",
      (code) => code.constant(5, 0x12_3456_789an),
      [0x18, 5, 0, 0, 0x9a, 0x78, 0x56, 0x34, 0, 0, 0, 0, 0x12, 0, 0, 0],
    ],
    ["r2 += -4", (code) => code.arithmetic(2, "+", -4), [0x07, 2, 0, 0, 0xfc, 0xff, 0xff, 0xff]],
    ["r1 &= 15", (code) => code.arithmetic(1, "&", 15), [0x57, 1, 0, 0, 15, 0, 0, 0]],
    ["r1 = *(u16 *)(r7 + 98)", (code) => code.load(1, 7, 98, 2), [0x69, 0x71, 98, 0, 0, 0, 0, 0]],
    ["r1 = *(u64 *)(r7 + 256)", (code) => code.load(1, 7, 256, 8), [0x79, 0x71, 0, 1, 0, 0, 0, 0]],
    ["*(u32 *)(r10 - 8) = r1", (code) => code.store(10, -8, 1, 4), [0x63, 0x1a, 0xf8, 0xff, 0, 0, 0, 0]],
    ["*(u8 *)(r7 + 47) = 9", (code) => code.storeImmediate(7, 47, 9, 1), [0x72, 7, 47, 0, 9, 0, 0, 0]],
    ["lock *(u64 *)(r0 + 0) += r1", (code) => code.add(0, 0, 1), [0xdb, 0x10, 0, 0, 0, 0, 0, 0]],
    ["call bpf_tail_call", (code) => code.call("tail_call"), [0x85, 0, 0, 0, 12, 0, 0, 0]],
  ])("%s", (text, write, expected) => {
    const code = write(new Assembler()).exit();
    expect(list(code.finish())[0]?.text).toBe(text);
    expect(encoded(code)).toEqual(bytes(expected, EXIT));
  });

  test("a map's address is a pseudo load of its file descriptor", () => {
    const code = new Assembler().map(1, "calls").exit();
    expect(encoded(code, new Map([["calls", 33]]))).toEqual(
      bytes([0x18, 0x11, 0, 0, 33, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], EXIT),
    );
    expect(() => encoded(code)).toThrow("the map calls is not there");
  });

  test.each([
    ["==", 0x15],
    ["!=", 0x55],
    [">", 0x25],
    [">=", 0x35],
    ["<", 0xa5],
    ["<=", 0xb5],
  ] as const)("a branch on %s, unsigned", (condition, opcode) => {
    const code = new Assembler();
    const end = code.label("end");
    code.branch(1, condition, 80n, end).set(0, 0).place(end).exit();
    expect(encoded(code)).toEqual(bytes([opcode, 1, 1, 0, 80, 0, 0, 0], [0xb7, 0, 0, 0, 0, 0, 0, 0], EXIT));
  });

  test("what an immediate operand would extend by its sign is compared in a register", () => {
    const code = new Assembler();
    const end = code.label("end");
    code.branch(1, "==", 0x8000_0000n, end).set(0, 0).place(end).exit();
    expect(list(code.finish()).map(({ text }) => text)).toEqual([
      "r5 = 0x80000000",
      "if r1 == r5 goto 4 <end>",
      "r0 = 0",
      "exit",
    ]);
  });
});

describe("a program", () => {
  test("has jumps over constants of two slots", () => {
    const code = new Assembler();
    const end = code.label("end");
    code.jump(end).exit().place(end).exit();
    code.exit();
    const program = code.finish();
    expect(list(program).map(({ slot, text }) => `${slot} ${text}`)).toEqual(["0 exit"]);
    const longer = new Assembler();
    const far = longer.label("far");
    longer.branch(1, "==", 1n, far).constant(2, 1n).place(far).exit();
    expect(list(longer.finish()).map(({ slot, labels }) => [slot, labels])).toEqual([
      [0, []],
      [1, []],
      [3, ["far"]],
    ]);
  });

  test("is as long as its longest way at most", () => {
    const code = new Assembler();
    const short = code.label("short");
    code.branch(1, "==", 1n, short).set(0, 1).set(0, 2).place(short).exit();
    expect(code.finish().worstCase).toBe(4);
    expect(code.finish().slots).toBe(4);
  });

  test.each<[string, (code: Assembler) => void]>([
    ["the label there is not placed", (code) => code.jump(code.label("there"))],
    [
      "a jump back to the label there",
      (code) => {
        const there = code.label("there");
        code.place(there).set(0, 0).jump(there);
      },
    ],
    [
      "the label there is placed twice",
      (code) => {
        const there = code.label("there");
        code.place(there).place(there).exit();
      },
    ],
    [
      "nothing follows the label there",
      (code) => {
        const there = code.label("there");
        code.jump(there).place(there);
      },
    ],
    ["the program runs over its end", (code) => code.set(0, 0)],
  ])("cannot be made when %s", (message, write) => {
    const code = new Assembler();
    write(code);
    expect(() => code.finish()).toThrow(message);
  });
});
