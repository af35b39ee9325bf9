/** Whether a measurement proves anything, and what. */
import type { Measurement } from "./measure.ts";
import type { ExpectedGaps } from "./workload.ts";

type Measured = Pick<
  Measurement,
  | "captureFaults"
  | "connections"
  | "dropped"
  | "findings"
  | "gaps"
  | "readsPages"
  | "identical"
  | "repeatedBytes"
  | "unread"
  | "wireBytes"
> & { readonly statistics: Pick<Measurement["statistics"], "decodeErrors" | "missedRuns"> };

/** Why the capture cannot be trusted; undefined if it can. */
export function needsAnotherRun({ dropped, captureFaults }: Measured): string | undefined {
  if (dropped > 0) return `tcpdump itself dropped ${dropped} packets`;
  if (captureFaults > 0) return `${captureFaults} bytes of the capture are missing or contradict each other`;
  return undefined;
}

/** What is wrong; undefined if nothing is. */
export function judge(measured: Measured, expected: ExpectedGaps = {}): string | undefined {
  const unreliable = needsAnotherRun(measured);
  if (unreliable !== undefined) return unreliable;
  const { connections, wireBytes, findings, repeatedBytes, statistics } = measured;
  if (connections === 0 || wireBytes === 0) return "the workload moved nothing";
  if (findings.length > 0)
    return `${findings.length} undeclared differences${explain(statistics.missedRuns)}`;
  if (repeatedBytes > 0) return `${repeatedBytes} bytes were told twice`;
  if (statistics.decodeErrors > 0) return `${statistics.decodeErrors} records made no sense`;
  if (measured.identical === 0) return "no byte was recorded";
  const gaps = judgeGaps(measured, expected);
  if (gaps !== undefined) return gaps;
  return sumsUp(measured) ? undefined : "the sums do not add up: a bug of this suite";
}

function judgeGaps(
  { gaps, readsPages }: Measured,
  { must = [], may = [] }: ExpectedGaps,
): string | undefined {
  const known = new Set<string>([...must, ...may]);
  if (readsPages) known.delete("sendfile");
  for (const [cause, bytes] of gaps)
    if (!known.has(cause))
      return `${bytes} bytes are declared as ${cause}, which this workload has no reason for`;
  const missing = must.find((cause) => !gaps.has(cause));
  return missing === undefined ? undefined : `no gap of cause ${missing}, which this workload is made for`;
}

/** That the kernel skipped programs explains a difference; it does not excuse it. */
function explain(missedRuns: number): string {
  return missedRuns === 0 ? "" : `; the kernel skipped the tap's programs ${missedRuns} times`;
}

/** Each byte of the wire has to be accounted for at both ends. */
function sumsUp({ wireBytes, identical, gaps, unread }: Measured): boolean {
  const declared = [...gaps.values()].reduce((sum, bytes) => sum + bytes, 0);
  return identical + declared + unread === 2 * wireBytes;
}
