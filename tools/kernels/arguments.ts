// The command line of `npm run test:kernels`.
import { parseArgs } from "node:util";
import { ARCHITECTURES, KERNELS, type Architecture, type Kernel } from "./kernels.ts";
import { ALL_FILES, STRATEGIES, TRANSPORTS, type Strategy, type Transport } from "./plan.ts";

/** A wrong command line; the message says what would be right. */
export class UsageError extends Error {}

export interface Arguments {
  readonly kernels: readonly Kernel[];
  readonly architectures: readonly Architecture[];
  readonly strategies: readonly Strategy[];
  readonly transports: readonly Transport[];
  /** Names of test files; empty: those that belong to each combination. */
  readonly tests: readonly string[];
  /** How many machines run at the same time. */
  readonly jobs: number;
  readonly quick: boolean;
  readonly record: boolean;
  readonly keep: boolean;
  readonly update: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

export const USAGE = `usage: npm run test:kernels -- [OPTION…] [KERNEL…]

Runs the kernel tests on other kernels, in virtual machines. Without names: on every kernel.

  --arch NAME        only on this architecture: ${ARCHITECTURES.join(", ")}
  --strategy NAME    only this attach strategy: ${STRATEGIES.join(", ")}
  --transport NAME   only this transport: ${TRANSPORTS.join(", ")}
  --test NAME        only this test file: ${ALL_FILES.join(", ")}
  --jobs N           run N machines at the same time (default 1); each takes one CPU and 1 GiB of memory
  --quick            fewer scenarios of each combination; what .ci/run does
  --record           write the numbers of verified instructions down instead of comparing them
  --keep             keep the machines' images and consoles, and say where
  --update           look for newer packages now, not once a day
  --list             list the kernels
  --help             this text

--arch, --strategy, --transport and --test may be repeated.`;

function choose<T extends string>(
  option: string,
  given: readonly string[] | undefined,
  known: readonly T[],
): readonly T[] {
  if (given === undefined) return known;
  for (const name of given)
    if (!known.some((one) => one === name))
      throw new UsageError(`--${option}: there is no '${name}'; known are ${known.join(", ")}`);
  return known.filter((one) => given.includes(one));
}

function chooseKernels(names: readonly string[]): readonly Kernel[] {
  if (names.length === 0) return KERNELS;
  for (const name of names)
    if (!KERNELS.some((kernel) => kernel.name === name))
      throw new UsageError(
        `there is no kernel '${name}'; known are ${KERNELS.map((one) => one.name).join(", ")}`,
      );
  return KERNELS.filter(({ name }) => names.includes(name));
}

/**
 * Reads the command line.
 *
 * @throws {@link UsageError} for what it does not know
 */
export function parseArguments(args: readonly string[]): Arguments {
  const flag = { type: "boolean", default: false } as const;
  const names = { type: "string", multiple: true } as const;
  const { values, positionals } = ((): ReturnType<typeof parse> => {
    try {
      return parse();
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  function parse() {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        jobs: { type: "string", default: "1" },
        ...{ arch: names, strategy: names, transport: names, test: names },
        ...{ quick: flag, record: flag, keep: flag, update: flag, list: flag, help: flag },
      },
    });
  }
  const { arch, strategy, transport, test, jobs, ...flags } = values;
  if (!/^[1-9]\d?$/.test(jobs)) throw new UsageError(`--jobs must be a number from 1 to 99, not '${jobs}'`);
  const kernels = chooseKernels(positionals);
  const architectures = choose("arch", arch, ARCHITECTURES);
  if (!kernels.some((kernel) => kernel.architectures.some((one) => architectures.includes(one))))
    throw new UsageError(`${kernels.map(({ name }) => name).join(", ")}: not on ${architectures.join(", ")}`);
  return {
    kernels,
    architectures,
    strategies: choose("strategy", strategy, STRATEGIES),
    transports: choose("transport", transport, TRANSPORTS),
    tests: test === undefined ? [] : choose("test", test, ALL_FILES),
    jobs: Number(jobs),
    ...flags,
  };
}
