import type { Span } from "./expression.ts";

/**
 * A set of cgroups that user space keeps current while a filter runs in the kernel: those of which the attribute has a
 * value that the test accepts. A cgroup without the attribute is never in it.
 */
export interface DynamicSet {
  /** What `inSet` names it by; unlike that of any other set of the filter. */
  readonly id: string;
  /** Such as `container.id`. */
  readonly attribute: string;
  /** Of attributes with keys. */
  readonly key: string | undefined;
  /** Whether cgroups with this value belong into the set. */
  accepts(value: string): boolean;
  readonly span: Span;
}
