import { ATTRIBUTES } from "@tcptracker/containers";
import { compile, whyUnfit, type Filter } from "@tcptracker/filter";

/** What a filter of a tap is compiled for. */
export interface FilterFor {
  /** Payload bytes kept per call: what `payload` is. Default: the tap's. */
  readonly snaplen?: number;
  /** Whether there is `container` and `pod`. */
  readonly containers: boolean;
}

/**
 * Checks and splits a filter.
 *
 * @throws FilterError for a text that is none
 */
export function compileFilter(text: string, { snaplen, containers }: FilterFor): Filter {
  const sets = containers ? ATTRIBUTES : [];
  return compile(text, { unfit: whyUnfit, sets, ...(snaplen === undefined ? {} : { snaplen }) });
}
