import type { Finding, Verdict, WayReport } from "./diagnosis.ts";
import { explainRefusal, LAST_RESORT, type Explanation } from "./explain-refusal.ts";
import type { Facts } from "./facts.ts";
import type { AutoResult } from "./try-ways.ts";

const STRATEGIES = ["fexit", "kprobe", "tracepoint"] as const;
const TRANSPORTS = ["ringbuf", "perfbuf"] as const;

/** What each strategy is, in plain words. */
const MEANS = {
  fexit: "hooks the return of each call; nothing else on the machine pays",
  kprobe: "probes the return of each call; nothing else on the machine pays",
  tracepoint: "hooks the exit of every call; each pays a little",
} as const;

const CARRIES = {
  ringbuf: "one buffer for all CPUs (Linux 5.8)",
  perfbuf: "a buffer for each CPU, for kernels without ring buffers",
} as const;

/** What trying the ways says of each strategy and each transport. */
export function wayFindings(ways: readonly WayReport[], facts: Facts): Finding[] {
  const usable = ways.some(({ state }) => isOpen(state));
  return [
    ...STRATEGIES.map((strategy) => {
      const mine = ways.filter((way) => way.strategy === strategy);
      return findingOf(strategy, MEANS[strategy], mine, usable, facts);
    }),
    ...TRANSPORTS.map((transport) => {
      const mine = ways.filter((way) => way.transport === transport);
      // A strategy that fails everywhere says nothing of the transport.
      const telling = mine.filter(({ strategy }) =>
        ways.some((way) => way.strategy === strategy && isOpen(way.state)),
      );
      return findingOf(transport, CARRIES[transport], telling.length > 0 ? telling : mine, usable, facts);
    }),
  ].filter((finding) => finding !== undefined);
}

function isOpen(state: WayReport["state"]): boolean {
  return state === "chosen" || state === "usable";
}

function findingOf(
  code: (typeof STRATEGIES)[number] | (typeof TRANSPORTS)[number],
  means: string,
  ways: readonly WayReport[],
  usable: boolean,
  facts: Facts,
): Finding | undefined {
  if (ways.every(({ state }) => state === "untried")) return undefined;
  const open = ways.filter(({ state }) => isOpen(state));
  if (open.length > 0) {
    const chosen = open.some(({ state }) => state === "chosen") ? ", and what auto chooses" : "";
    return { code, area: "ways", state: "ok", text: `${code} is usable${chosen}: ${means}` };
  }
  const explained = explanationOf(ways, facts);
  if (explained === undefined) return undefined;
  return {
    code,
    area: "ways",
    // As long as there is another way, it is only a matter of cost.
    state: usable ? "info" : "problem",
    text: `${code} ${explained.whose === "rights" && !usable ? "could not be tried" : "is not usable"}: ${explained.text}`,
    ...(explained.advice === undefined ? {} : { advice: explained.advice }),
  };
}

/** Of several reasons, the first: what the best of the ways failed for. */
function explanationOf(ways: readonly WayReport[], facts: Facts): Explanation | undefined {
  for (const way of ways) for (const reason of way.reasons) return explainRefusal(reason, way, facts);
  return undefined;
}

/** Whether a tap would run; and if not, because of whom and why. */
export function verdictOf(auto: AutoResult, facts: Facts): { verdict: Verdict; summary: string } {
  if (auto.attachedAs !== undefined)
    return { verdict: "works", summary: `a tap runs here, by ${auto.attachedAs}` };
  // What the last resort failed for: the ways before it may well be missing on a kernel.
  const last = auto.reasons.at(-1);
  if (last === undefined) return { verdict: "failed", summary: "nothing was tried" };
  const { whose, text } = explainRefusal(last, LAST_RESORT, facts);
  switch (whose) {
    case "rights":
      return { verdict: "not_permitted", summary: `a tap may not run here: ${text}` };
    case "kernel":
    case "unknown":
      return { verdict: "not_supported", summary: `a tap cannot run here: ${text}` };
    case "resources":
      return { verdict: "failed", summary: `a tap fails here: ${text}` };
    case "installation":
      return { verdict: "failed", summary: `a tap cannot run from this installation: ${text}` };
  }
}
