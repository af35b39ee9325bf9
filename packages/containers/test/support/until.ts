import { setTimeout as delay } from "node:timers/promises";

/** Waits for something that takes its time; fails after 10 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2000; tries++) {
    if (await holds()) return;
    await delay(5);
  }
  throw new Error(`${what} did not come true`);
}
