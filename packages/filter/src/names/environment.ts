import type { KernelExpression } from "../kernel/expression.ts";

/** An attribute that user space resolves to cgroups while the filter runs. */
export interface SetDeclaration {
  /** Such as `container.id` or `pod.labels`. */
  readonly name: string;
  /** Whether it has a value per key: `pod.labels["app"]`. */
  readonly keyed?: boolean;
}

/** What a filter is compiled for. */
export interface FilterEnvironment {
  /** The tap's --snaplen: payload bytes kept per call. Default 262144. */
  readonly snaplen?: number;
  /** Attributes of which somebody keeps sets of cgroups current. None by default. */
  readonly sets?: readonly SetDeclaration[];
  /**
   * Whether the kernel can run this: undefined if so, else why not, in a few words. What is too large is decided in user
   * space. By default everything fits.
   */
  readonly unfit?: (kernel: KernelExpression) => string | undefined;
}

export const DEFAULT_SNAPLEN = 262_144;
