import { setTimeout as delay } from "node:timers/promises";

/** How long the start waits for sources that do not answer, in milliseconds. */
export const START_PATIENCE = 2_000;

/** Resolves with the promise, or when the time is over. */
export async function within(milliseconds: number, promise: Promise<unknown>): Promise<void> {
  const abort = new AbortController();
  const timeout = delay(milliseconds, undefined, { signal: abort.signal }).catch(() => undefined);
  await Promise.race([promise, timeout]);
  abort.abort();
}
