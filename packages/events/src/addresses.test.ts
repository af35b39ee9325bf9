import { SocketAddress, isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressBytes } from "../test/arbitraries.ts";
import { ipv4 } from "../test/build-record.ts";
import { formatAddress, formatIpv6 } from "./addresses.ts";

function groups(...values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value >> 8, value & 0xff]));
}

describe("formatIpv6", () => {
  test.each([
    ["::", groups(0, 0, 0, 0, 0, 0, 0, 0)],
    ["::1", groups(0, 0, 0, 0, 0, 0, 0, 1)],
    ["1::", groups(1, 0, 0, 0, 0, 0, 0, 0)],
    ["2001:db8::1", groups(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)],
    // RFC 5952, 4.2.2: one zero group is not shortened.
    ["2001:db8:0:1:1:1:1:1", groups(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1)],
    // 4.2.3: the longest run; the first one if there are two.
    ["2001:0:0:1::1", groups(0x2001, 0, 0, 1, 0, 0, 0, 1)],
    ["2001:db8::1:0:0:1", groups(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1)],
    ["1:2:3:4:5:6::", groups(1, 2, 3, 4, 5, 6, 0, 0)],
    // 4.3: lower case.
    [
      "abcd:ef01:2345:6789:abcd:ef01:2345:6789",
      groups(0xabcd, 0xef01, 0x2345, 0x6789, 0xabcd, 0xef01, 0x2345, 0x6789),
    ],
    // 5: an IPv4-mapped address.
    ["::ffff:192.0.2.1", ipv4(192, 0, 2, 1)],
    ["::fffe:c000:201", groups(0, 0, 0, 0, 0, 0xfffe, 0xc000, 0x201)],
  ])("%s", (expected, bytes) => {
    expect(formatIpv6(bytes)).toBe(expected);
  });

  test("says what URL says, which is an implementation of its own", () => {
    const law = fc.property(addressBytes, (bytes) => {
      const text = formatIpv6(bytes);
      expect(isIPv6(text)).toBe(true);
      // URL writes an IPv4-mapped address in groups.
      if (!text.includes(".")) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
    });
    fc.assert(law, { numRuns: 2000 });
  });

  test("is read back by node:net as the same address", () => {
    const law = fc.property(addressBytes, (bytes) => {
      const plain = Array.from({ length: 8 }, (_, index) =>
        Buffer.from(bytes)
          .readUInt16BE(2 * index)
          .toString(16),
      );
      const expected = new SocketAddress({ family: "ipv6", address: plain.join(":") }).address;
      expect(new SocketAddress({ family: "ipv6", address: formatIpv6(bytes) }).address).toBe(expected);
    });
    fc.assert(law, { numRuns: 2000 });
  });

  test("takes 16 bytes", () => {
    expect(() => formatIpv6(new Uint8Array(4))).toThrow(RangeError);
  });
});

describe("formatAddress", () => {
  test("prints IPv4 as a dotted quad", () => {
    expect(formatAddress(ipv4(127, 0, 0, 1), "ipv4")).toBe("127.0.0.1");
    const law = fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), ([a = 0, b = 0, c = 0, d = 0]) => {
      const text = formatAddress(ipv4(a, b, c, d), "ipv4");
      expect(isIPv4(text)).toBe(true);
      expect(text.split(".").map(Number)).toEqual([a, b, c, d]);
    });
    fc.assert(law);
  });

  test("prints IPv6 as formatIpv6 does", () => {
    expect(formatAddress(groups(0xfe80, 0, 0, 0, 0, 0, 0, 1), "ipv6")).toBe("fe80::1");
    expect(() => formatAddress(new Uint8Array(17), "ipv6")).toThrow(RangeError);
  });
});
