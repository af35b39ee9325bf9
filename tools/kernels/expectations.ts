// What each kernel should be able to do. What is not listed here should work everywhere.
import type { Architecture } from "./kernels.ts";
import type { Combination, Strategy, Transport } from "./plan.ts";

/** Something that a kernel cannot do; what is absent is any. */
interface Unsupported {
  readonly kernel: string;
  readonly architecture?: Architecture;
  readonly strategy?: Strategy;
  readonly transport?: Transport;
  readonly reason: string;
}

const UNSUPPORTED: readonly Unsupported[] = [
  {
    kernel: "5.10",
    strategy: "fexit",
    reason:
      "the programs need atomic instructions (5.12) and the type of the saved registers, which 5.10's BTF only declares",
  },
  {
    kernel: "5.10-noringbuf",
    strategy: "fexit",
    reason: "as 5.10",
  },
  {
    kernel: "5.10-noringbuf",
    transport: "ringbuf",
    reason: "it was built without BPF ring buffers, as kernels before 5.8 are",
  },
  {
    kernel: "6.1",
    architecture: "arm64",
    strategy: "fexit",
    reason: "fentry and fexit need direct calls of ftrace, which arm64 has from 6.4 on",
  },
];

/** Why the kernel cannot do it, or undefined where it should. */
export function whyUnsupported(
  kernel: string,
  architecture: Architecture,
  { strategy, transport }: Combination,
): string | undefined {
  return UNSUPPORTED.find(
    (one) =>
      one.kernel === kernel &&
      (one.architecture ?? architecture) === architecture &&
      (one.strategy ?? strategy) === strategy &&
      (one.transport ?? transport) === transport,
  )?.reason;
}
