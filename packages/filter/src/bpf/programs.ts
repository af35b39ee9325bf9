/**
 * The two programs of a filter, around its tests. The first one sits in slot `filter`: it decides what takes no payload,
 * once per connection where that is enough. The second one sits in slot `filter_payload` and decides the rest, when the stage
 * `prefix` has read the first bytes. See bpf-programs/lib/filter.bpf.h.
 */
import { COUNTER, STAGE } from "@tcptracker/events";
import type { KernelExpression } from "../kernel/expression.ts";
import { Assembler } from "./assembler.ts";
import type { Label } from "./instructions.ts";
import { CALL, CALL_SLOTS, CONNECTION, FIELDS, verdictOf, type Place } from "./layout.ts";
import type { MapPlan } from "./maps.ts";
import type { BpfProgramCode } from "./program-code.ts";
import {
  CALL_REGISTER,
  CONTEXT_REGISTER,
  STACK_REGISTER,
  THREAD_REGISTER,
  VERDICT_REGISTER,
} from "./registers.ts";
import { writeTest } from "./write-test.ts";

/** The maps of the programs around the filter, by the names that the listing has. */
export const SHARED_MAPS = ["calls", "connections", "counters", "stages"] as const;

/** One of the maps of the programs around the filter. */
export type SharedMap = (typeof SHARED_MAPS)[number];

/** The conditions of a filter, of which all have to hold, by what it takes to decide them. */
export interface Levels {
  readonly connection: readonly KernelExpression[];
  readonly call: readonly KernelExpression[];
  readonly payload: readonly KernelExpression[];
}

const KEY: Place = { offset: -4, width: 4 };
/** Of the generation, what a record has room for. */
const JUDGE_MASK = 0xff;

/** Where a program ends. */
interface Ways {
  readonly accept: Label;
  readonly reject: Label;
  readonly payload: Label;
  readonly undecided: Label;
  readonly lost: Label;
}

/** The program for slot `filter`. */
export function firstProgram(levels: Levels, generation: number, maps: MapPlan): BpfProgramCode {
  const code = new Assembler();
  const ways = beginProgram(code);
  if (levels.connection.length > 0) writeConnectionPart(code, levels.connection, generation, maps, ways);
  else store(code, CALL.verdict, 0);
  writeAll(code, [...levels.call, ...levels.payload], maps, ways, ways.payload);
  endProgram(code, ways, generation);
  return code.finish();
}

/** The program for slot `filter_payload`. */
export function secondProgram(levels: Levels, generation: number, maps: MapPlan): BpfProgramCode {
  const code = new Assembler();
  const ways = beginProgram(code);
  // While a filter is exchanged, a call may have come past the first program of the other one.
  code.load(1, CALL_REGISTER, CALL.generation.offset, CALL.generation.width);
  code.branch(1, "!=", BigInt(generation), ways.undecided);
  writeAll(code, levels.payload, maps, ways);
  endProgram(code, ways, generation);
  return code.finish();
}

/** Finds the slot of the call that this thread has returned from, as current_call() in call.bpf.h does. */
function beginProgram(code: Assembler): Ways {
  const found = code.label("own_call");
  code.move(CONTEXT_REGISTER, 1).call("get_current_pid_tgid").move(THREAD_REGISTER, 0);
  const gone = code.label("no_call");
  for (let slot = 0; slot < CALL_SLOTS; slot++) {
    code.storeImmediate(STACK_REGISTER, KEY.offset, slot, KEY.width);
    lookUpKey(code, "calls", gone);
    code.load(1, 0, CALL.owner.offset, CALL.owner.width);
    code.branchRegisters(1, "==", THREAD_REGISTER, found);
  }
  code.place(gone).set(0, 0).exit();
  code.place(found).move(CALL_REGISTER, 0);
  return {
    accept: code.label("accept"),
    reject: code.label("reject"),
    payload: code.label("payload"),
    undecided: code.label("undecided"),
    lost: code.label("lost"),
  };
}

/** The part that is the same for all calls of a connection: looked at once, and the verdict kept in the entry. */
function writeConnectionPart(
  code: Assembler,
  conditions: readonly KernelExpression[],
  generation: number,
  maps: MapPlan,
  ways: Ways,
): void {
  const [accepted, rejected] = [code.label("connection_accepted"), code.label("connection_rejected")];
  const [keep, kept, judged] = [code.label("keep"), code.label("kept"), code.label("connection_judged")];
  const [accepts, rejects] = [verdictOf(true, generation), verdictOf(false, generation)];
  code.load(1, CALL_REGISTER, CALL.verdict.offset, CALL.verdict.width);
  code.branch(1, "==", BigInt(accepts), judged);
  code.branch(1, "==", BigInt(rejects), ways.reject);
  writeAll(code, conditions, maps, { ...ways, reject: rejected });
  code.place(accepted).set(VERDICT_REGISTER, accepts).jump(keep);
  code.place(rejected).set(VERDICT_REGISTER, rejects);
  code.place(keep).store(CALL_REGISTER, CALL.verdict.offset, VERDICT_REGISTER, CALL.verdict.width);
  code.map(1, "connections").move(2, CALL_REGISTER).arithmetic(2, "+", CALL.sock.offset);
  code.call("map_lookup_elem").branch(0, "==", 0n, kept);
  // The entry may be another connection's by now.
  code.load(1, 0, CONNECTION.id.offset, CONNECTION.id.width);
  code.load(2, CALL_REGISTER, CALL.connection.offset, CALL.connection.width);
  code.branchRegisters(1, "!=", 2, kept);
  code.store(0, CONNECTION.verdict.offset, VERDICT_REGISTER, CONNECTION.verdict.width);
  code.place(kept).branch(VERDICT_REGISTER, "==", BigInt(rejects), ways.reject);
  code.place(judged);
}

/** Goes on when all conditions hold, else to `reject`. */
function writeAll(
  code: Assembler,
  conditions: readonly KernelExpression[],
  maps: MapPlan,
  { reject }: Pick<Ways, "reject">,
  undecided?: Label,
): void {
  const context = { code, maps, ...(undecided === undefined ? {} : { undecided }) };
  for (const condition of conditions) {
    const holds = code.label("holds");
    writeTest(context, condition, holds, reject, holds);
    code.place(holds);
  }
  code.from(undefined);
}

/** Each way out is a tail call with a constant slot, which the kernel turns into a jump. */
function endProgram(code: Assembler, ways: Ways, generation: number): void {
  code.place(ways.accept);
  store(code, CALL.judge, generation & JUDGE_MASK);
  // A record that no filter has judged is judged as a whole by user space.
  code.place(ways.undecided);
  tailCall(code, STAGE.emit, ways.lost);
  code.place(ways.payload);
  store(code, CALL.generation, generation);
  tailCall(code, STAGE.prefix, ways.lost);
  code.place(ways.reject);
  tailCall(code, STAGE.reject, ways.lost);
  // Without a stage, the call is over: it must not keep its slot.
  code.place(ways.lost);
  const uncounted = code.label("uncounted");
  code.storeImmediate(STACK_REGISTER, KEY.offset, COUNTER.tail_call_failed, KEY.width);
  lookUpKey(code, "counters", uncounted);
  code.set(1, 1).add(0, 0, 1);
  code.storeImmediate(STACK_REGISTER, KEY.offset, COUNTER.undeclared_bytes, KEY.width);
  lookUpKey(code, "counters", uncounted);
  code.load(1, CALL_REGISTER, FIELDS.size.offset, FIELDS.size.width).add(0, 0, 1);
  code.place(uncounted);
  store(code, CALL.owner, 0);
  code.set(0, 0).exit();
}

function store(code: Assembler, { offset, width }: Place, value: number): void {
  code.storeImmediate(CALL_REGISTER, offset, value, width);
}

function lookUpKey(code: Assembler, map: SharedMap, missing: Label): void {
  code.map(1, map).move(2, STACK_REGISTER).arithmetic(2, "+", KEY.offset).call("map_lookup_elem");
  code.branch(0, "==", 0n, missing);
}

function tailCall(code: Assembler, stage: number, failed: Label): void {
  code.move(1, CONTEXT_REGISTER).map(2, "stages").set(3, stage).call("tail_call").jump(failed);
}
