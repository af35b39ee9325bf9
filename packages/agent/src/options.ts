import type { Containers } from "@tcptracker/containers";
import { TapError } from "./errors.ts";

export const ATTACH_STRATEGIES = ["auto", "fexit", "kprobe", "tracepoint"] as const;
export const TRANSPORTS = ["auto", "ringbuf", "perfbuf"] as const;

/** How the programs are hooked to the system calls. */
export type Attach = (typeof ATTACH_STRATEGIES)[number];

/** How records come out of the kernel. */
export type Transport = (typeof TRANSPORTS)[number];

export const PROGRAM_KINDS = ["auto", "typed", "raw"] as const;

/** Which of the two kinds of programs of a strategy is loaded. */
export type Programs = (typeof PROGRAM_KINDS)[number];

export const SECOND_COPIES = ["auto", "always", "never"] as const;

/** When a second copy of each hook is attached. */
export type SecondCopies = (typeof SECOND_COPIES)[number];

/** What a tap can be told. Everything has a default. */
export interface TapOptions {
  /** Default `auto`: what this kernel accepts. */
  readonly attach?: Attach;
  /** Default `auto`: what this kernel accepts. */
  readonly transport?: Transport;
  /** Default `auto`: the typed programs where this kernel accepts them, which are faster, else the raw ones. */
  readonly programs?: Programs;
  /**
   * Whether each program is attached twice, so that a call is seen while the first copy is preempted in the middle of
   * another one on the same CPU. Default `auto`: on kernels that may preempt it.
   */
  readonly secondCopies?: SecondCopies;
  /** Payload bytes kept per system call, 0 to 67108864; default 262144, as tcpdump's. The rest is declared as a gap. */
  readonly snaplen?: number;
  /**
   * Bytes of the buffer between kernel and agent, rounded up to a power of two, 262144 to 1073741824; default
   * 67108864. As tcpdump's --buffer-size, in bytes. What does not fit is declared as a gap.
   */
  readonly bufferSize?: number;
  /** Connections followed at the same time, 1 to 16777216; default 65536. */
  readonly maxConnections?: number;
  /**
   * Longest time in milliseconds that a record waits in the kernel when another one came shortly before it and the buffer
   * is nearly empty; default 10. The first record after a pause comes at once.
   */
  readonly flushIntervalMs?: number;
  /** What to keep, as an expression of @tcptracker/filter; default: everything. `Tap.setFilter` changes it. */
  readonly filter?: string;
  /** Who knows containers and pods, for filters that name them. It is the caller's: a tap does not close it. */
  readonly containers?: Pick<Containers, "of" | "follow">;
}

/** Options with every default filled in and every value checked; without a filter there is none. */
export type ResolvedTapOptions = Required<Omit<TapOptions, "filter" | "containers">> &
  Pick<TapOptions, "filter" | "containers">;

/** The least and the most of options that are numbers. */
export const LIMITS: Readonly<
  Record<"snaplen" | "bufferSize" | "maxConnections", readonly [least: number, most: number]>
> = {
  snaplen: [0, 64 * 1024 ** 2],
  bufferSize: [256 * 1024, 1024 ** 3],
  maxConnections: [1, 2 ** 24],
};

function integer(
  name: string,
  value: number | undefined,
  fallback: number,
  low: number,
  high: number,
): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  throw new TapError("ERR_TAP_OPTION", `${name} must be a whole number from ${low} to ${high}, not ${value}`);
}

function choice<const T extends string>(
  name: string,
  value: T | undefined,
  choices: readonly T[],
  fallback: T,
): T {
  if (value === undefined) return fallback;
  if (choices.includes(value)) return value;
  throw new TapError("ERR_TAP_OPTION", `${name} must be one of ${choices.join(", ")}, not '${value}'`);
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws {@link TapError} ERR_TAP_OPTION for a value out of range
 */
export function resolveOptions(options: TapOptions): ResolvedTapOptions {
  const bufferSize = integer("bufferSize", options.bufferSize, 64 * 1024 * 1024, ...LIMITS.bufferSize);
  return {
    attach: choice("attach", options.attach, ATTACH_STRATEGIES, "auto"),
    transport: choice("transport", options.transport, TRANSPORTS, "auto"),
    programs: choice("programs", options.programs, PROGRAM_KINDS, "auto"),
    secondCopies: choice("secondCopies", options.secondCopies, SECOND_COPIES, "auto"),
    snaplen: integer("snaplen", options.snaplen, 262144, ...LIMITS.snaplen),
    bufferSize: 2 ** Math.ceil(Math.log2(bufferSize)),
    maxConnections: integer("maxConnections", options.maxConnections, 65536, ...LIMITS.maxConnections),
    flushIntervalMs: integer("flushIntervalMs", options.flushIntervalMs, 10, 1, 60_000),
    ...(options.filter === undefined ? {} : { filter: options.filter }),
    ...(options.containers === undefined ? {} : { containers: options.containers }),
  };
}
