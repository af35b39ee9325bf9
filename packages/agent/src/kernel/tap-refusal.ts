import type { BpfError } from "@tcptracker/libbpf";
import { collectFacts } from "../doctor/collect-facts.ts";
import { explainRefusal, shortened } from "../doctor/explain-refusal.ts";
import type { Facts } from "../doctor/facts.ts";
import { reasonOf } from "../doctor/reason-of.ts";
import { TapError } from "../errors.ts";
import type { Way } from "./candidates.ts";

/** A way that was refused, and how. */
export interface RefusedWay extends Pick<Way, "strategy" | "transport"> {
  readonly error: BpfError;
}

/**
 * What the refusals of all ways to tap mean: the last resort counts, as the ways before it may well be missing on a kernel. It
 * is explained as the doctor does.
 */
export function asTapError(refusals: readonly RefusedWay[], facts: Facts = collectFacts()): TapError {
  const last = refusals.at(-1);
  if (last === undefined)
    return new TapError(
      "ERR_TAP_KERNEL",
      "no programs of the kind asked for belong to this attach strategy; use --attach auto",
    );
  const errors = refusals.map(({ error }) => error);
  const cause =
    errors.length === 1 ? last.error : new AggregateError(errors, "every set of programs was refused");
  const reason = reasonOf(last.error);
  const { whose, text, advice } = explainRefusal(reason, last, facts);
  const what = `${shortened(reason)} [${reason.errno ?? reason.code}]`;
  const why = `${[text, advice].filter((part) => part !== undefined).join("; ")} (${what})`;
  switch (whose) {
    case "rights":
      return new TapError("ERR_TAP_NOT_PERMITTED", `not permitted to tap: ${why}`, { cause });
    case "kernel":
      return new TapError(
        "ERR_TAP_NOT_SUPPORTED",
        `this kernel does not accept the eBPF programs; 'tcptracker doctor' says which it does: ${why}`,
        { cause },
      );
    case "resources":
      return new TapError("ERR_TAP_RESOURCES", `not enough to tap with: ${why}`, { cause });
    case "installation":
      return new TapError("ERR_TAP_KERNEL", reason.message, { cause });
    case "unknown":
      return new TapError("ERR_TAP_KERNEL", [reason.message, advice].join("; "), { cause });
  }
}
