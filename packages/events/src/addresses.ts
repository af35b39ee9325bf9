import type { Network } from "./gen/layout.ts";

const ADDRESS_LENGTH = 16;
const GROUPS = 8;

/**
 * The text of an IPv6 address per RFC 5952: lower case, no leading zeros, `::` for the longest run of two or more zero
 * groups (the first one if several are longest), an IPv4-mapped address as `::ffff:192.0.2.1`.
 *
 * `bytes`: 16 bytes in network order. Throws RangeError for any other length.
 */
export function formatIpv6(bytes: Uint8Array): string {
  expectLength(bytes);
  return formatIpv6At(bytes, 0);
}

/**
 * The text of an address as a record holds it: 16 bytes, where IPv4 is `::ffff:a.b.c.d` and is printed as `a.b.c.d`.
 *
 * Throws RangeError for any other length.
 */
export function formatAddress(bytes: Uint8Array, network: Network): string {
  expectLength(bytes);
  return network === "ipv4" ? formatIpv4At(bytes, 0) : formatIpv6At(bytes, 0);
}

/** {@link formatIpv6} of the 16 bytes at `at`, which the caller has checked. */
export function formatIpv6At(bytes: Uint8Array, at: number): string {
  const groups: number[] = [];
  for (let group = 0; group < GROUPS; group++) {
    groups.push((byteAt(bytes, at + 2 * group) << 8) | byteAt(bytes, at + 2 * group + 1));
  }
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `::ffff:${formatIpv4At(bytes, at)}`;
  }
  const { start, length } = longestZeroRun(groups);
  const text = groups.map((group) => group.toString(16));
  if (length < 2) return text.join(":");
  return `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`;
}

/** The dotted quad in the last four of the 16 bytes at `at`, which the caller has checked. */
export function formatIpv4At(bytes: Uint8Array, at: number): string {
  const [a, b, c, d] = [12, 13, 14, 15].map((index) => String(byteAt(bytes, at + index)));
  return `${a ?? ""}.${b ?? ""}.${c ?? ""}.${d ?? ""}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

function expectLength(bytes: Uint8Array): void {
  if (bytes.length !== ADDRESS_LENGTH) {
    throw new RangeError(`an address has ${String(ADDRESS_LENGTH)} bytes, not ${String(bytes.length)}`);
  }
}
