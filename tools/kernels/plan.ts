// What runs in one machine: combinations of attach strategy and transport, and the test files for each.

export const STRATEGIES = ["auto", "fexit", "kprobe", "tracepoint"] as const;
export const TRANSPORTS = ["auto", "ringbuf", "perfbuf"] as const;

export type Strategy = (typeof STRATEGIES)[number];
export type Transport = (typeof TRANSPORTS)[number];

/** One way to attach and to read. */
export interface Combination {
  readonly strategy: Strategy;
  readonly transport: Transport;
}

/** A combination and what to run with it. */
export interface Step extends Combination {
  readonly files: readonly string[];
  readonly amount: Amount;
}

/** How much slower than hardware the emulation may be. */
const PATIENCE = 4;

/** What `auto` chooses, and every pair of the others, as far as it is asked for. */
export function combinations(
  strategies: readonly Strategy[],
  transports: readonly Transport[],
): readonly Combination[] {
  const pairs = strategies.flatMap((strategy) => transports.map((transport) => ({ strategy, transport })));
  const asked = pairs.filter(({ strategy, transport }) => (strategy === "auto") === (transport === "auto"));
  // --strategy auto --transport perfbuf, say.
  return asked.length > 0 ? asked : pairs;
}

/** How many scenarios of the catalog run: see packages/agent/test/kernel/support/scenarios.ts. */
export type Amount = "all" | "few";

/**
 * The test files for a combination, and how much of them.
 *
 * Loading the programs takes seconds under emulation, so it is the number of taps that a quick run saves on.
 */
export function stepFor(
  combination: Combination,
  supported: boolean,
  { quick, tests }: { readonly quick: boolean; readonly tests: readonly string[] },
): Step {
  const { strategy, transport } = combination;
  if (!supported) return { ...combination, files: ["refused"], amount: "few" };
  if (tests.length > 0) return { ...combination, files: tests, amount: quick ? "few" : "all" };
  if (quick) {
    const more = strategy === "auto" ? ["compat", "send-file"] : [];
    return { ...combination, files: ["syscalls", ...more, "filter", "load"], amount: "few" };
  }
  const raw = strategy === "tracepoint" && transport === "ringbuf" ? ["regressions-raw"] : [];
  return { ...combination, files: [...TEST_FILES, ...raw, "load"], amount: "all" };
}

/** The kernel tests that are about the kernel, not about the command around it. */
const TEST_FILES = [
  "syscalls",
  "compat",
  "regressions",
  "regressions-calls",
  "regressions-threads",
  "unseen",
  "faults",
  "overload",
  "send-file",
  "io-uring",
  "filter",
];

/** Everything that any step may run. */
export const ALL_FILES: readonly string[] = [...TEST_FILES, "regressions-raw", "load", "refused"];

/** The combination's name in the machine and in messages. */
export function label({ strategy, transport }: Combination): string {
  return `${strategy}-${transport}`;
}

/** The shell script that carries out the steps on a kernel (its name in kernels.ts), for guest/init to read. */
export function planScript(kernel: string, steps: readonly Step[], secondsPerStep: number): string {
  const lines = steps.flatMap((step) => {
    const name = label(step);
    const environment = [
      `TCPTRACKER_TEST_ATTACH=${step.strategy}`,
      `TCPTRACKER_TEST_TRANSPORT=${step.transport}`,
      `TCPTRACKER_TEST_SCENARIOS=${step.amount}`,
      `TCPTRACKER_TEST_VERIFIED=/out/${name}.verified`,
    ];
    return [
      `echo "== ${name}"`,
      `${environment.join(" ")} timeout -s KILL ${secondsPerStep} node --expose-gc bundle/run.mjs /out/${name}.jsonl ${step.files.join(" ")} > /out/${name}.log 2>&1`,
      "sync",
    ];
  });
  return [
    `export TCPTRACKER_TEST_PATIENCE=${PATIENCE} TCPTRACKER_TEST_PROGRAMS=/test/programs LIBBPF_ADDON=/test/libbpf.node`,
    // What it should be able to do depends on which it is, and its release does not tell.
    `export TCPTRACKER_TEST_KERNEL=${kernel}`,
    ...lines,
    "",
  ].join("\n");
}
