import type { KernelExpression } from "../kernel/expression.ts";
import { levelOf } from "../kernel/expression.ts";
import { LAST_GENERATION } from "./layout.ts";
import { MapPlan, type PlannedMap } from "./maps.ts";
import type { BpfProgramCode } from "./program-code.ts";
import { firstProgram, secondProgram, type Levels } from "./programs.ts";

/** The most 8-byte slots of one program: what any kernel takes, and what any jump reaches over. */
export const PROGRAM_LIMIT = 4096;

/** How deep an expression may be nested. */
export const DEPTH_LIMIT = 256;

/** How many maps the programs of one filter may have: a kernel takes 64 per program, those around it included. */
export const MAP_LIMIT = 48;

/** What becomes of a kernel expression. */
export interface KernelPrograms {
  /** For the slot `filter`. */
  readonly filter: BpfProgramCode;
  /** For the slot `filter_payload`; absent when no test is on the payload. */
  readonly payload?: BpfProgramCode;
  /** To be made before the programs are loaded. */
  readonly maps: readonly PlannedMap[];
}

/** Either the programs or, for what is too large for the kernel, why. */
export type Generated =
  | { readonly fits: true; readonly programs: KernelPrograms }
  | { readonly fits: false; readonly reason: string };

/**
 * Compiles what the kernel decides of a filter.
 *
 * @param generation of the filter, 1 to {@link LAST_GENERATION}: unlike that of any filter before it that the same tap had,
 * and no multiple of 256, because records have room for 8 bits of it, and 0 means that no filter has judged them
 * @throws RangeError for another generation
 */
export function generate(expression: KernelExpression, generation = 1): Generated {
  if (
    !Number.isInteger(generation) ||
    generation < 1 ||
    generation > LAST_GENERATION ||
    generation % 256 === 0
  )
    throw new RangeError(`a filter cannot have generation ${generation}`);
  if (depthOf(expression) > DEPTH_LIMIT)
    return { fits: false, reason: `it is nested more than ${DEPTH_LIMIT} deep` };
  const levels = levelsOf(expression);
  const plan = new MapPlan();
  const filter = firstProgram(levels, generation, plan);
  const payload = levels.payload.length > 0 ? secondProgram(levels, generation, plan) : undefined;
  const slots = Math.max(filter.slots, payload?.slots ?? 0);
  if (slots > PROGRAM_LIMIT)
    return {
      fits: false,
      reason: `it takes ${slots} instructions, and a program of the kernel has ${PROGRAM_LIMIT} at most`,
    };
  if (plan.maps.length > MAP_LIMIT)
    return {
      fits: false,
      reason: `it takes ${plan.maps.length} maps, and a program of the kernel has ${MAP_LIMIT} at most`,
    };
  const programs = { filter, maps: plan.maps, ...(payload === undefined ? {} : { payload }) };
  return { fits: true, programs };
}

/** Why the kernel cannot have the expression, in a few words; undefined when it can. */
export function whyUnfit(expression: KernelExpression): string | undefined {
  const generated = generate(expression);
  return generated.fits ? undefined : `too large for the kernel: ${generated.reason}`;
}

/** The conditions of which all have to hold, cheapest first. */
function levelsOf(expression: KernelExpression): Levels {
  const conditions = expression.op === "and" ? expression.operands : [expression];
  const at = (level: string): KernelExpression[] =>
    conditions.filter((condition) => levelOf(condition) === level);
  return { connection: at("connection"), call: at("call"), payload: at("payload") };
}

function depthOf(expression: KernelExpression): number {
  let depth = 0;
  let level: readonly KernelExpression[] = [expression];
  while (level.length > 0) {
    depth++;
    level = level.flatMap(partsOf);
  }
  return depth;
}

function partsOf(expression: KernelExpression): readonly KernelExpression[] {
  switch (expression.op) {
    case "and":
    case "or":
      return expression.operands;
    case "not":
      return [expression.operand];
    case "conditional":
      return [expression.test, expression.then, expression.otherwise];
    default:
      return [];
  }
}
