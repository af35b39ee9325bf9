import { collectorPeak, tapEnd, tapPeak } from "./memory.ts";
import type { Load, Result } from "./run.ts";

/** What is wrong with a result; nothing, if all is as it should be. */
export function complaintsOf(result: Result, { calls }: Load): readonly string[] {
  const { tap, collector } = result;
  const complaints = [...result.unproven];
  const expectNone = (bytes: number, what: string): void => {
    if (bytes !== 0) complaints.push(`${bytes} bytes ${what}`);
  };
  expectNone(result.unaccounted, "were neither delivered nor declared");
  expectNone(result.twice, "came twice, or were never moved");
  expectNone(result.wrong, "are not what was sent");
  if (result.mute > 0) complaints.push(`nothing came out of ${result.mute} taps before they were killed`);
  if (result.calls < calls) complaints.push(`${result.calls} calls were made, not ${calls}`);
  const expectBelow = (mib: number, most: number, whose: string): void => {
    if (mib > most) complaints.push(`${whose} took ${mib.toFixed(0)} MiB, not ${most.toFixed(0)} at most`);
  };
  expectBelow(tap.peak, tapPeak(tap.idle), "the tap");
  expectBelow(tap.end, tapEnd(tap.idle), "the tap, at the end,");
  expectBelow(collector.peak, collectorPeak(collector.idle), "the collector");
  return complaints;
}
