import { blindSpots } from "./blind-spots.ts";
import { collectFacts } from "./collect-facts.ts";
import type { BlindSpot, CallHook, Diagnosis, Finding, Verdict, WayReport } from "./diagnosis.ts";
import type { Facts } from "./facts.ts";
import { installationFindings } from "./installation-findings.ts";
import { machineFindings } from "./machine-findings.ts";
import { EVERY_WAY, tryAuto, tryWay, untried, type AutoResult, type StartTap } from "./try-ways.ts";
import { verdictOf, wayFindings } from "./way-findings.ts";

/** Something that the doctor has found out, as soon as it is known. */
export type Progress =
  | { readonly type: "finding"; readonly finding: Finding }
  | { readonly type: "way"; readonly way: WayReport }
  | { readonly type: "hooks"; readonly hooks: readonly CallHook[] }
  | { readonly type: "blindSpot"; readonly blindSpot: BlindSpot };

/** How to diagnose. */
export interface DiagnoseOptions {
  /** Leaves out what `auto` would not reach (default false: every way is tried, each for about a second). */
  readonly quick?: boolean;
  /** Is told of each result when it is known; the diagnosis has all of them. */
  readonly onProgress?: (progress: Progress) => void;
}

/** @internal What tests put in place of the machine. */
export interface DiagnoseSources {
  readonly facts: () => Facts;
  readonly installation: () => Finding[];
  readonly start?: StartTap;
}

const THIS_MACHINE: DiagnoseSources = { facts: collectFacts, installation: installationFindings };

const EXIT_CODES = { works: 0, failed: 1, not_permitted: 3, not_supported: 4 } as const satisfies Record<
  Verdict,
  number
>;

/**
 * Finds out whether a tap would run on this machine, how, and what it would not see: by loading and attaching the programs as
 * {@link Tap.start} does, and detaching them at once. Works without any rights, and then says what is missing. Nothing
 * is left behind, and nothing on the machine is changed.
 */
export function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  return diagnoseFrom(THIS_MACHINE, options);
}

/** @internal The same on a machine that need not be this one. */
export async function diagnoseFrom(sources: DiagnoseSources, options: DiagnoseOptions): Promise<Diagnosis> {
  const tell = options.onProgress ?? ((): void => undefined);
  const findings: Finding[] = [];
  const find = (found: readonly Finding[]): void => {
    findings.push(...found);
    for (const finding of found) tell({ type: "finding", finding });
  };

  const facts = sources.facts();
  find(machineFindings(facts));
  find(sources.installation());

  const auto = await tryAuto(sources.start);
  const ways = await waysOf(auto, options.quick === true, sources.start, (way) => tell({ type: "way", way }));
  find(wayFindings(ways, facts));

  const chosen = auto.ways.find(({ state }) => state === "chosen");
  const hooks = chosen?.hooks ?? [];
  tell({ type: "hooks", hooks });
  const spots = blindSpots({ facts, chosen, ioUring: auto.ioUring, pageCache: auto.pageCache });
  for (const blindSpot of spots) tell({ type: "blindSpot", blindSpot });

  const { verdict, summary } = verdictOf(auto, facts);
  return {
    format: 1,
    verdict,
    summary,
    exitCode: EXIT_CODES[verdict],
    findings,
    ways,
    ...(auto.attachedAs === undefined ? {} : { attachedAs: auto.attachedAs }),
    hooks,
    blindSpots: spots,
    facts,
  };
}

/** Every way: what `auto` found out, and the rest tried or not. */
async function waysOf(
  auto: AutoResult,
  quick: boolean,
  start: StartTap | undefined,
  onWay: (way: WayReport) => void,
): Promise<WayReport[]> {
  const reports: WayReport[] = [];
  // Where the parts do not even load, or nothing may be loaded at all, every way gives the same answer.
  const pointless =
    auto.attachedAs === undefined && auto.reasons.every(({ code }) => code === "ERR_BPF_ADDON");
  for (const way of EVERY_WAY) {
    const known = auto.ways.find(
      ({ strategy, kind, transport }) =>
        strategy === way.strategy && kind === way.kind && transport === way.transport,
    );
    const report = known ?? (quick || pointless ? untried(way) : await tryWay(way, start));
    reports.push(report);
    onWay(report);
  }
  return reports;
}
