import type { Register } from "./instructions.ts";

/** What the programs keep in registers from one part to the next. */
export const CONTEXT_REGISTER: Register = 6;
/** A struct tt_filter_input. */
export const CALL_REGISTER: Register = 7;
export const VERDICT_REGISTER: Register = 8;
export const THREAD_REGISTER: Register = 9;
/** Points behind the stack's end: addresses on it are negative. */
export const STACK_REGISTER: Register = 10;
