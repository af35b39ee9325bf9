import { formatAddress } from "@tcptracker/events";
import { isIP } from "node:net";
import type { KernelNetwork } from "../kernel/expression.ts";

const BITS = 128;
/** The bits of an IPv6 address that say that the rest is an IPv4 address. */
const MAPPED_BITS = 96;
const MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);

/** All IPv4 addresses. */
export const IPV4: KernelNetwork = { address: MAPPED, bits: MAPPED_BITS };

/** The 16 bytes of an address in any spelling, IPv4 as ::ffff:a.b.c.d; undefined if it is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  const version = isIP(text);
  // isIP() takes a zone behind %, which no record has.
  if (version === 0 || text.includes("%")) return undefined;
  if (version === 4) return mapped(text.split(".").map(Number));
  return parseIpv6(text);
}

/** The one spelling that records have. */
export function spell(address: Uint8Array): string {
  return formatAddress(address, contains(IPV4, address) ? "ipv4" : "ipv6");
}

/** `192.0.2.0/24`, or the address alone if it is one. */
export function spellNetwork({ address, bits }: KernelNetwork): string {
  if (bits === BITS) return spell(address);
  const ipv4 = bits >= MAPPED_BITS && contains(IPV4, address);
  return `${spell(address)}/${ipv4 ? bits - MAPPED_BITS : bits}`;
}

/** A network, or the reason why the text is none. */
export type ParsedNetwork = KernelNetwork | { readonly reason: string };

/**
 * `10.0.0.0/8`, `2001:db8::/32`, or an address alone. With `short`, also tcpdump's way to leave out what is 0: `10`, `192.168`.
 */
export function parseNetwork(text: string, short = false): ParsedNetwork {
  const [head = "", length, ...more] = text.split("/");
  const octets =
    short && length === undefined && /^\d{1,3}(?:\.\d{1,3}){0,2}$/.test(head) ? head.split(".") : [];
  const full = octets.length > 0 ? [...octets, "0", "0", "0"].slice(0, 4).join(".") : head;
  const address = parseAddress(full);
  const example = "such as 10.0.0.0/8 or 2001:db8::/32";
  if (address === undefined || more.length > 0)
    return { reason: `"${text}" is no address or network, ${example}` };
  const width = isIP(full) === 4 ? BITS - MAPPED_BITS : BITS;
  const own = octets.length > 0 ? octets.length * 8 : Number(length ?? width);
  if (length !== undefined && !(/^\d{1,3}$/.test(length) && own <= width))
    return { reason: `"/${length}" is no prefix length: it is /0 to /${width} here` };
  const network = { address, bits: BITS - width + own };
  const masked = mask(network);
  if (Buffer.compare(masked.address, address) !== 0)
    return {
      reason: `"${text}" has bits set behind /${own}; write "${spellNetwork(masked)}", or the address alone`,
    };
  return network;
}

/** Whether the network has the address. */
export function contains({ address, bits }: KernelNetwork, other: Uint8Array): boolean {
  const bytes = bits >> 3;
  for (let index = 0; index < bytes; index++) if (address[index] !== other[index]) return false;
  const rest = bits & 7;
  return rest === 0 || (((address[bytes] ?? 0) ^ (other[bytes] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

/** The same addresses in as few networks: those within others are left out, the rest is in ascending order. */
export function withoutNested(networks: readonly KernelNetwork[]): KernelNetwork[] {
  const sorted = networks.toSorted((a, b) => Buffer.compare(a.address, b.address) || a.bits - b.bits);
  const kept: KernelNetwork[] = [];
  for (const network of sorted) {
    const last = kept.at(-1);
    if (last === undefined || last.bits > network.bits || !contains(last, network.address))
      kept.push(network);
  }
  return kept;
}

/** Whether an IPv6 network has the addresses that stand for IPv4, without being one of IPv4 itself. */
export function spansIpv4(network: KernelNetwork): boolean {
  return network.bits < MAPPED_BITS && contains(network, MAPPED);
}

function mask({ address, bits }: KernelNetwork): KernelNetwork {
  const masked = address.map(
    (byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff,
  );
  return { address: masked, bits };
}

function mapped(octets: readonly number[]): Uint8Array {
  const bytes = Uint8Array.from(MAPPED);
  bytes.set(octets, 12);
  return bytes;
}

function parseIpv6(text: string): Uint8Array {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const groups = dotted === null ? text : `${dotted[1] ?? ""}${hexPair(dotted, 2)}:${hexPair(dotted, 4)}`;
  const [head = "", tail] = groups.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  const words = [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

function hexPair(match: RegExpExecArray, at: number): string {
  return (Number(match[at]) * 256 + Number(match[at + 1])).toString(16);
}
