import type { BpfMap } from "@tcptracker/libbpf";
import { TapError } from "../errors.ts";

/** What is in a slot of a program array. */
export interface Slot {
  readonly array: Pick<BpfMap, "setFd">;
  readonly index: number;
  readonly program: { readonly fd: number };
}

/**
 * Puts programs into their slots, in this order, and then does the rest of a change. If anything of that fails, nothing
 * has changed when the error comes out: a call must not meet a part of each filter from then on.
 *
 * @param before - what is in those slots now
 * @throws {@link TapError} ERR_TAP_KERNEL if what was there could not be put back either
 */
export function changeSlots(before: readonly Slot[], after: readonly Slot[], rest: () => void): void {
  const changed: Slot[] = [];
  try {
    for (const slot of after) {
      put(slot);
      changed.push(slot);
    }
    rest();
  } catch (error) {
    putBack(before, changed, error);
    throw error;
  }
}

function put({ array, index, program }: Slot): void {
  array.setFd(index, program);
}

/** The last one first, each although another one fails. */
function putBack(before: readonly Slot[], changed: readonly Slot[], cause: unknown): void {
  const errors: unknown[] = [];
  for (const { array, index } of changed.toReversed()) {
    const slot = before.find((one) => one.array === array && one.index === index);
    try {
      if (slot !== undefined) put(slot);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 0) return;
  throw new TapError(
    "ERR_TAP_KERNEL",
    "the filter was not changed, and what has changed of it in the kernel could not be changed back: stop this tap and start another one",
    { cause: new AggregateError([cause, ...errors], "the errors in turn") },
  );
}
