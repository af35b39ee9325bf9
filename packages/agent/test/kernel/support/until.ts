import { setTimeout as delay } from "node:timers/promises";
import { PATIENCE } from "../../traffic/patience.ts";

/** Resolves to what `look` finds, as soon as it finds something; rejects when it does not in time. */
export async function until<T>(what: string, look: () => T | undefined | false, seconds = 20): Promise<T> {
  const deadline = performance.now() + seconds * 1000 * PATIENCE;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`);
    await delay(10);
  }
}

/** The promise's value, or an error when it takes too long. */
export async function within<T>(what: string, promise: Promise<T>, seconds = 20): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => {
      late.reject(new Error(`${what}: not within ${seconds} s`));
    },
    seconds * 1000 * PATIENCE,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
