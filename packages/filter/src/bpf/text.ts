/** Tests on the process's name and on the first bytes of the payload. */
import type { Text } from "../kernel/expression.ts";
import type { Assembler } from "./assembler.ts";
import { expectBytes } from "./bytes.ts";
import type { Label } from "./instructions.ts";
import { FIELDS, NAME_LENGTH, NAME_OFFSET, PREFIX_OFFSET } from "./layout.ts";
import { CALL_REGISTER } from "./registers.ts";

/** Ends the name where it is shorter than its field. What comes behind is whatever an earlier name has left there. */
const END: Uint8Array = Uint8Array.of(0);

/** Jumps to `no` unless the test holds; goes on, or jumps to `yes`, when it does. */
export function writeText(code: Assembler, { field, test, value }: Text, yes: Label, no: Label): void {
  if (field === "payload") writePayload(code, test, value, no);
  else if (value.length > NAME_LENGTH || value.includes(0)) code.jump(no);
  else if (test === "equals" || test === "startsWith") writeNameStart(code, value, test === "equals", no);
  else writeNameSearch(code, value, test === "endsWith", yes, no);
  code.jump(yes);
}

function writePayload(code: Assembler, test: Text["test"], value: Uint8Array, no: Label): void {
  if (test !== "equals" && test !== "startsWith")
    throw new RangeError(`${test} is not decided on the beginning of a payload`);
  const { offset, width } = FIELDS["prefix.length"];
  code.load(1, CALL_REGISTER, offset, width);
  code.branch(1, test === "equals" ? "!=" : "<", BigInt(value.length), no);
  expectBytes(code, CALL_REGISTER, PREFIX_OFFSET, value, no);
}

function writeNameStart(code: Assembler, value: Uint8Array, whole: boolean, no: Label): void {
  expectBytes(code, CALL_REGISTER, NAME_OFFSET, value, no);
  if (whole && value.length < NAME_LENGTH)
    expectBytes(code, CALL_REGISTER, NAME_OFFSET + value.length, END, no);
}

/** Looks for the value at each place of the name, as far as that goes. */
function writeNameSearch(code: Assembler, value: Uint8Array, atEnd: boolean, yes: Label, no: Label): void {
  for (let start = 0; start + value.length <= NAME_LENGTH; start++) {
    const next = code.label("next_place");
    expectBytes(code, CALL_REGISTER, NAME_OFFSET + start, value, next);
    if (atEnd && start + value.length < NAME_LENGTH)
      expectBytes(code, CALL_REGISTER, NAME_OFFSET + start + value.length, END, next);
    code.jump(yes).place(next);
    if (start < NAME_LENGTH) {
      code.load(1, CALL_REGISTER, NAME_OFFSET + start, 1);
      code.branch(1, "==", 0n, no);
    }
  }
  code.jump(no);
}
