/** From an expression to instructions that jump: no value is ever computed, and nothing is decided that need not be. */
import type {
  CompareFields,
  Conditional,
  Junction,
  KernelExpression,
  KernelField,
  OneOf,
  Relation,
  TextOneOf,
} from "../kernel/expression.ts";
import { levelOf } from "../kernel/expression.ts";
import type { Assembler } from "./assembler.ts";
import type { Label } from "./instructions.ts";
import { FIELDS, NAME_LENGTH, NAME_OFFSET } from "./layout.ts";
import { NUMBER_SIZE, type MapPlan } from "./maps.ts";
import { writeNetworks } from "./networks.ts";
import { CALL_REGISTER, STACK_REGISTER } from "./registers.ts";
import { writeText } from "./text.ts";

/** More values than this cost less in a hash map. */
const MOST_COMPARED = 8;
const MOST_NAMES_COMPARED = 4;

const INVERSE: Readonly<Record<Relation, Relation>> = {
  "==": "!=",
  "!=": "==",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
};

/** What the writing of a test needs besides the test. */
export interface TestContext {
  readonly code: Assembler;
  readonly maps: MapPlan;
  /** Where to go on when it takes the payload to decide; absent where that can be read. */
  readonly undecided?: Label;
}

/** Writes what jumps to `yes` when the expression holds and to `no` when not. `next` is the one that follows. */
export function writeTest(
  context: TestContext,
  expression: KernelExpression,
  yes: Label,
  no: Label,
  next: Label,
): void {
  const { code, maps, undecided } = context;
  switch (expression.op) {
    case "and":
    case "or": {
      writeJunction(context, expression, yes, no, next);
      return;
    }
    case "not": {
      writeTest(context, expression.operand, no, yes, next);
      return;
    }
    case "conditional": {
      writeConditional(context, expression, yes, no, next);
      return;
    }
    default:
      break;
  }
  code.from(expression.span);
  if (undecided !== undefined && levelOf(expression) === "payload") {
    code.jump(undecided);
    return;
  }
  switch (expression.op) {
    case "constant":
      code.jump(expression.value ? yes : no);
      return;
    case "compare":
      load(code, expression.field, 1);
      {
        branch(
          code,
          expression.relation,
          (relation, to) => code.branch(1, relation, expression.value, to),
          yes,
          no,
          next,
        );
        return;
      }
    case "compareFields": {
      writeFields(code, expression, yes, no, next);
      return;
    }
    case "oneOf": {
      writeOneOf(context, expression, yes, no);
      return;
    }
    case "text": {
      writeText(code, expression, yes, no);
      return;
    }
    case "textOneOf": {
      writeNames(context, expression, yes, no);
      return;
    }
    case "inNetworks": {
      writeNetworks(code, expression, maps, yes, no);
      return;
    }
    case "inSet":
      load(code, expression.field, 1);
      {
        lookUpNumber(code, maps.set(expression.set), yes, no);
        return;
      }
  }
}

function writeJunction(
  context: TestContext,
  { op, operands }: Junction,
  yes: Label,
  no: Label,
  next: Label,
): void {
  const { code } = context;
  for (const [index, operand] of operands.entries()) {
    if (index === operands.length - 1) {
      writeTest(context, operand, yes, no, next);
      return;
    }
    const following = code.label(op);
    if (op === "and") writeTest(context, operand, following, no, following);
    else writeTest(context, operand, yes, following, following);
    code.place(following);
  }
  code.jump(op === "and" ? yes : no);
}

function writeConditional(
  context: TestContext,
  expression: Conditional,
  yes: Label,
  no: Label,
  next: Label,
): void {
  const { code } = context;
  const [then, otherwise] = [code.label("then"), code.label("otherwise")];
  writeTest(context, expression.test, then, otherwise, then);
  code.place(then);
  writeTest(context, expression.then, yes, no, otherwise);
  code.place(otherwise);
  writeTest(context, expression.otherwise, yes, no, next);
}

function load(code: Assembler, field: KernelField, to: 1 | 2): void {
  const { offset, width } = FIELDS[field];
  code.load(to, CALL_REGISTER, offset, width);
}

/** One branch where one of the two follows anyway. */
function branch(
  code: Assembler,
  relation: Relation,
  write: (relation: Relation, to: Label) => void,
  yes: Label,
  no: Label,
  next: Label,
): void {
  if (next === yes) {
    write(INVERSE[relation], no);
    code.jump(yes);
  } else {
    write(relation, yes);
    code.jump(no);
  }
}

function writeFields(
  code: Assembler,
  { left, relation, right }: CompareFields,
  yes: Label,
  no: Label,
  next: Label,
): void {
  load(code, left, 1);
  load(code, right, 2);
  branch(code, relation, (how, to) => code.branchRegisters(1, how, 2, to), yes, no, next);
}

function writeOneOf({ code, maps }: TestContext, { field, values }: OneOf, yes: Label, no: Label): void {
  load(code, field, 1);
  if (values.length > MOST_COMPARED) {
    lookUpNumber(code, maps.numbers(values), yes, no);
    return;
  }
  for (const value of values) code.branch(1, "==", value, yes);
  code.jump(no);
}

/** Of the number in r1. */
function lookUpNumber(code: Assembler, map: string, yes: Label, no: Label): void {
  code.store(STACK_REGISTER, -NUMBER_SIZE, 1, NUMBER_SIZE);
  lookUp(code, map, NUMBER_SIZE, yes, no);
}

/** Of the key on the stack. */
function lookUp(code: Assembler, map: string, size: number, yes: Label, no: Label): void {
  code.map(1, map).move(2, STACK_REGISTER).arithmetic(2, "+", -size).call("map_lookup_elem");
  code.branch(0, "!=", 0n, yes).jump(no);
}

function writeNames(context: TestContext, { values, field, span }: TextOneOf, yes: Label, no: Label): void {
  const { code, maps } = context;
  if (values.length > MOST_NAMES_COMPARED) {
    // A copy, because behind the name's end is whatever an earlier name has left there.
    for (let at = 0; at < NAME_LENGTH; at += 8) code.storeImmediate(STACK_REGISTER, at - NAME_LENGTH, 0, 8);
    code.move(1, STACK_REGISTER).arithmetic(1, "+", -NAME_LENGTH).set(2, NAME_LENGTH);
    code.move(3, CALL_REGISTER).arithmetic(3, "+", NAME_OFFSET).call("probe_read_kernel_str");
    lookUp(code, maps.names(values), NAME_LENGTH, yes, no);
    return;
  }
  for (const value of values) {
    const following = code.label("next_name");
    writeText(code, { op: "text", field, test: "equals", value, span }, yes, following);
    code.place(following);
  }
  code.jump(no);
}
