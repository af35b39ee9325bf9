/** Finds the two tapped ends of each connection of the wire, and compares them. */
import type { Direction, Endpoint } from "@tcptracker/events";
import { compareDirection, type Verdict } from "./compare.ts";
import type { TappedEnd } from "./tapped.ts";
import type { WireConnection } from "./wire/connections.ts";

/** A difference and where it is. */
export interface Finding {
  readonly connection: string;
  readonly end: string;
  readonly direction: Direction | "both";
  readonly offset: number;
  readonly size: number;
  readonly what: string;
}

/** All connections of a workload together. Bytes of the tap count at both ends. */
export interface Comparison {
  readonly connections: number;
  /** Bytes on the wire, of both directions. */
  readonly wireBytes: number;
  readonly identical: number;
  readonly gaps: ReadonlyMap<string, number>;
  readonly unread: number;
  readonly unsent: number;
  readonly findings: readonly Finding[];
  /** Bytes that the capture itself lacks or contradicts itself about: nothing can be said then. */
  readonly captureFaults: number;
}

function format({ address, port }: Endpoint): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function keyOf(local: Endpoint, remote: Endpoint): string {
  return `${format(local)} ${format(remote)}`;
}

/** The ends of each pair of addresses, the oldest last, so that it is popped first. */
function byAddresses(ends: readonly TappedEnd[]): Map<string, TappedEnd[]> {
  const found = new Map<string, TappedEnd[]>();
  for (const end of ends.toReversed()) {
    const key = keyOf(end.local, end.remote);
    const same = found.get(key);
    if (same === undefined) found.set(key, [end]);
    else same.push(end);
  }
  return found;
}

class Sum {
  identical = 0;
  readonly gaps = new Map<string, number>();
  unread = 0;
  unsent = 0;
  readonly findings: Finding[] = [];

  add(verdict: Verdict, where: Pick<Finding, "connection" | "end" | "direction">): void {
    this.identical += verdict.identical;
    this.unread += verdict.unread;
    this.unsent += verdict.unsent;
    for (const [cause, bytes] of verdict.gaps) this.gaps.set(cause, (this.gaps.get(cause) ?? 0) + bytes);
    for (const difference of verdict.differences) this.findings.push({ ...where, ...difference });
  }
}

/**
 * Compares every direction of every connection from both of its ends. Each connection needs two tapped ends and each
 * tapped end a connection; ends that moved nothing may be left out (a connection that no process accepted has no end).
 */
export function compareAll(wire: readonly WireConnection[], ends: readonly TappedEnd[]): Comparison {
  const left = byAddresses(ends);
  const sum = new Sum();
  let wireBytes = 0;
  let captureFaults = 0;
  for (const { client, server, reset, toServer, toClient } of wire) {
    wireBytes += toServer.bytes.length + toClient.bytes.length;
    for (const { missing, conflicting } of [toServer, toClient]) captureFaults += missing + conflicting;
    const connection = `${format(client)} - ${format(server)}`;
    for (const side of ["client", "server"] as const) {
      const [local, remote] = side === "client" ? [client, server] : [server, client];
      const tapped = left.get(keyOf(local, remote))?.pop();
      const end = `${side} ${tapped?.process ?? "(not seen)"}`;
      const [sent, received] = side === "client" ? [toServer, toClient] : [toClient, toServer];
      // What no process has taken over is closed as far as processes go.
      const facts = { closed: tapped?.closed ?? true, reset };
      for (const [direction, { bytes }] of [
        ["egress", sent],
        ["ingress", received],
      ] as const)
        sum.add(compareDirection(bytes, tapped?.[direction] ?? [], { ...facts, direction }), {
          connection,
          end,
          direction,
        });
    }
  }
  for (const end of [...left.values()].flat()) reportUnmatched(end, sum.findings);
  const { identical, gaps, unread, unsent, findings } = sum;
  return { connections: wire.length, wireBytes, identical, gaps, unread, unsent, findings, captureFaults };
}

function reportUnmatched(end: TappedEnd, findings: Finding[]): void {
  const size = [...end.egress, ...end.ingress].reduce(
    (bytes, piece) => bytes + ("bytes" in piece ? piece.bytes.length : piece.size),
    0,
  );
  if (size === 0) return;
  findings.push({
    connection: keyOf(end.local, end.remote),
    end: end.process,
    direction: "both",
    offset: 0,
    size,
    what: `the wire has no such connection (${end.joined})`,
  });
}
