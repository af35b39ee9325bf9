import { BpfError, type BpfErrorOptions } from "@tcptracker/libbpf";
import { TapError } from "../../src/errors.ts";
import type { Refusal } from "../../src/kernel/probe.ts";
import { EVERY_WAY, type StartTap } from "../../src/doctor/try-ways.ts";

const ERRNO = { EPERM: 1, ENOENT: 2, EACCES: 13, EINVAL: 22, EMFILE: 24, ENOSYS: 38, ENOTSUPP: 524 } as const;

/** An error of the bridge, as the kernel's answer makes it. */
export function bpfError(
  code: BpfError["code"],
  errno: keyof typeof ERRNO | undefined,
  operation = "load tcptracker",
  options: Partial<BpfErrorOptions> = {},
): BpfError {
  const number = errno === undefined ? undefined : ERRNO[errno];
  return new BpfError(code, { operation, reason: "because", errno: number, ...options });
}

/** The kernel's answer to what is asked before anything of the tap is loaded. */
export const EPERM_ASKING: BpfError = bpfError("ERR_BPF_PERMISSION", "EPERM", "create a map of type ringbuf");
export const EPERM_LOADING: BpfError = bpfError("ERR_BPF_PERMISSION", "EPERM");
export const NO_KPROBES: BpfError = bpfError(
  "ERR_BPF_ATTACH",
  "ENOENT",
  "attach to kernel function __x64_sys_read: program kprobe_read",
);

/** Why each way is refused, by `strategy`, `strategy kind`, `transport` or `*`; the others work. */
export type Refused = Readonly<Record<string, Error>>;

function refusalOf(refused: Refused, strategy: string, kind: string, transport: string): Error | undefined {
  return refused["*"] ?? refused[`${strategy} ${kind}`] ?? refused[strategy] ?? refused[transport];
}

/** Counts what was started and stopped. */
export interface FakeTaps {
  readonly start: StartTap;
  readonly started: string[];
  stopped: number;
}

/** Taps on a kernel that refuses some ways; `auto` takes the first that is not. */
export function tapsWith(refused: Refused): FakeTaps {
  const taps: FakeTaps = {
    started: [],
    stopped: 0,
    start({ attach = "auto", programs = "auto", transport = "auto" }) {
      taps.started.push(`${attach} ${programs} ${transport}`);
      const refusals: Refusal[] = [];
      const errors: Error[] = [];
      for (const way of EVERY_WAY) {
        if (
          attach !== "auto" &&
          (way.strategy !== attach || way.kind !== programs || way.transport !== transport)
        )
          continue;
        const error = refusalOf(refused, way.strategy, way.kind, way.transport);
        const complete = { ...way, atomics: true };
        if (error === undefined)
          return {
            way: complete,
            refusals,
            attachedAs: `${way.strategy} (${way.kind} programs, ${way.transport})`,
            hooks: [{ program: "sys_exit_btf", target: "sys_exit" }],
            ioUring: { seen: true },
            pageCache: { seen: true },
            stop() {
              taps.stopped++;
              return Promise.resolve();
            },
          };
        errors.push(error);
        if (error instanceof BpfError) refusals.push({ ...complete, error });
      }
      const [first] = errors;
      if (!(first instanceof BpfError)) throw first ?? new Error("no such way");
      const cause = errors.length === 1 ? first : new AggregateError(errors);
      throw new TapError("ERR_TAP_KERNEL", "refused", { cause });
    },
  };
  return taps;
}
