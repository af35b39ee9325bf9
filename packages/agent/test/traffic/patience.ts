/** How many times slower than usual this machine may be: what deadlines are multiplied with (TCPTRACKER_TEST_PATIENCE). */
export const PATIENCE: number = Math.max(1, Number(process.env["TCPTRACKER_TEST_PATIENCE"] ?? 1) || 1);
