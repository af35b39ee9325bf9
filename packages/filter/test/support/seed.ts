/** Of the runs of a law: FUZZ_SEED repeats one, FUZZ_RUNS makes it longer. Printed, so that a failure elsewhere can be repeated. */
export function runs(law: string, usual: number): { seed: number; numRuns: number } {
  const seed = Number(process.env["FUZZ_SEED"] ?? String(Date.now() % 2 ** 31));
  const numRuns = Number(process.env["FUZZ_RUNS"] ?? String(usual));
  console.info(`${law}: ${numRuns} runs, seed ${seed}`);
  return { seed, numRuns };
}

/** Milliseconds: for FUZZ_RUNS of many, on a machine with other things to do. */
export const FUZZ_TIMEOUT = 3_600_000;
