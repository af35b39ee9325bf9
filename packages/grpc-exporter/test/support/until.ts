import { setTimeout as delay } from "node:timers/promises";

/** Resolves to what `look` finds, as soon as it finds something; rejects when it does not in time. */
export async function until<T>(what: string, look: () => T | undefined | false, seconds = 20): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(5);
  }
}
