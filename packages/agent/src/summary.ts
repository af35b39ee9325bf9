import { formatBytes, formatDuration, plural } from "./format.ts";
import type { TapStatistics } from "./tap.ts";

/** What a person wants to know at the end of a tap: how much was seen, and what was not. */
export function summaryLines(
  { records, decodeErrors, missedRuns, connections, counters }: TapStatistics,
  elapsed: bigint,
): string[] {
  const moved = counters.egress_bytes + counters.ingress_bytes;
  const unaccounted = moved - counters.delivered_bytes - counters.gap_bytes - counters.filtered_bytes;
  const filtered =
    counters.filtered_calls > 0n ? `${formatBytes(counters.filtered_bytes)} filtered out, ` : "";
  const lines = [
    `${formatDuration(elapsed)}, ${plural(counters.calls, "call")} on ${plural(counters.connections_opened, "connection")} (${connections} still open), ${plural(records, "record")}`,
    `sent ${formatBytes(counters.egress_bytes)}, received ${formatBytes(counters.ingress_bytes)}: ` +
      `${formatBytes(counters.delivered_bytes)} delivered, ${filtered}${formatBytes(counters.gap_bytes)} declared missing, ${formatBytes(unaccounted)} undeclared`,
  ];
  const losses = [
    [counters.ring_full, "records refused by the full buffer (a larger --buffer-size helps)"],
    [counters.close_lost, "connections whose end was lost to the full buffer"],
    [counters.connections_full, "calls on connections beyond --max-connections, not recorded"],
    [
      counters.unseen_bytes,
      "bytes moved past the tap (io_uring, AIO, ...), declared missing at the end of their connections",
    ],
    [
      BigInt(missedRuns),
      "system calls passed over: the CPU was in the middle of recording another one or, with kprobe, too many were under way",
    ],
    [counters.fault, "calls whose buffers could not be read"],
    [counters.segments_exceeded, "calls with more segments than are walked"],
    [counters.tail_call_failed, "calls lost between two stages: a bug, please report it"],
    [BigInt(decodeErrors), "records that could not be decoded: a bug, please report it"],
  ] as const;
  if (counters.untracked_bytes > 0n)
    lines.push(
      `${formatBytes(counters.untracked_bytes)} moved by calls on connections that are not in the table: in no record, and in no gap`,
    );
  for (const [count, what] of losses) if (count > 0n) lines.push(`${count} ${what}`);
  return lines;
}
