import { formatIpv6 } from "@tcptracker/events";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KernelNetwork } from "../kernel/expression.ts";
import {
  contains,
  IPV4,
  parseAddress,
  parseNetwork,
  spansIpv4,
  spell,
  spellNetwork,
  withoutNested,
} from "./addresses.ts";

const group = fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(0xffff), fc.nat(0xff));
const addressBytes = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((word) => [word >> 8, word & 0xff])));

/** Few different bits, so that networks nest. */
const network: fc.Arbitrary<KernelNetwork> = fc
  .tuple(fc.constantFrom(0, 0x0a, 0x20, 0xff), fc.nat(3), fc.nat(128))
  .map(([first, last, bits]) => {
    const address = new Uint8Array(16);
    address[0] = first;
    address[15] = last;
    return {
      address: address.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8)))),
      bits,
    };
  });

function networkOf(text: string): KernelNetwork {
  const parsed = parseNetwork(text, true);
  if ("reason" in parsed) throw new Error(parsed.reason);
  return parsed;
}

describe("addresses", () => {
  test("come back from any spelling", () => {
    const law = fc.property(addressBytes, (bytes) => {
      const full = Array.from({ length: 8 }, (_, index) =>
        Buffer.from(bytes).toString("hex", index * 2, index * 2 + 2),
      );
      const dotted = `${full.slice(0, 6).join(":")}:${[...bytes.subarray(12)].join(".")}`;
      for (const text of [
        spell(bytes),
        formatIpv6(bytes),
        full.join(":"),
        full.join(":").toUpperCase(),
        dotted,
      ])
        expect(parseAddress(text)).toEqual(bytes);
    });
    fc.assert(law);
  });

  test.each(["", "1.2.3", "01.2.3.4", "1.2.3.256", ":::", "1::2::3", "fe80::1%lo", "localhost", " ::1"])(
    "%j is none",
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  test("of IPv4 have one spelling, whatever they were written as", () => {
    expect(spell(parseAddress("::ffff:192.0.2.1") ?? new Uint8Array(16))).toBe("192.0.2.1");
  });
});

describe("networks", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["10", "10.0.0.0/8"],
    ["192.168", "192.168.0.0/16"],
    ["192.168.1", "192.168.1.0/24"],
    ["192.168.1.7", "192.168.1.7"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::/0", "::/0"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::1", "::1"],
  ])("%s is %s", (text, spelled) => {
    expect(spellNetwork(networkOf(text))).toBe(spelled);
  });

  test.each([
    ["10.0.0.0/33", "/0 to /32"],
    ["::/129", "/0 to /128"],
    ["10.0.0.0/-1", "no prefix length"],
    ["10.0.0.0/", "no prefix length"],
    ["10.0.0.0/8/8", "no address or network"],
    ["10.128.0.0/8", 'write "10.0.0.0/8"'],
    ["2001:db8::1/32", 'write "2001:db8::/32"'],
    ["256", "no address or network"],
  ])("%s is none: %s", (text, reason) => {
    const parsed = parseNetwork(text, true);
    expect("reason" in parsed ? parsed.reason : "").toContain(reason);
  });

  test.each([
    ["::/0", true],
    ["::/80", true],
    ["::ffff:0:0/96", false],
    ["::/96", false],
    ["2000::/3", false],
    ["10.0.0.0/8", false],
  ])("%s spans IPv4: %s", (text, expected) => {
    expect(spansIpv4(networkOf(text))).toBe(expected);
  });

  test("without nested ones have the same addresses, and no address twice", () => {
    const law = fc.property(fc.array(network, { maxLength: 8 }), addressBytes, (networks, address) => {
      const kept = withoutNested(networks);
      const candidates = [address, ...networks.map((one) => one.address)];
      for (const one of candidates) {
        const having = kept.filter((among) => contains(among, one)).length;
        expect(having).toBe(networks.some((among) => contains(among, one)) ? 1 : 0);
      }
    });
    fc.assert(law);
  });

  test("have exactly the addresses that begin with their bits", () => {
    const bits = (bytes: Uint8Array): string =>
      Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
    const law = fc.property(network, addressBytes, fc.nat(127), (one, other, flipped) => {
      const near = Uint8Array.from(one.address);
      near[flipped >> 3] = (near[flipped >> 3] ?? 0) ^ (0x80 >> (flipped & 7));
      for (const address of [other, near])
        expect(contains(one, address)).toBe(bits(address).startsWith(bits(one.address).slice(0, one.bits)));
    });
    fc.assert(law);
  });

  test("of IPv4 are within ::ffff:0:0/96", () => {
    expect(spellNetwork(IPV4)).toBe("0.0.0.0/0");
  });
});
