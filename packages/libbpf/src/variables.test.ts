import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { BpfError } from "./errors.ts";
import type { NativeVariable } from "./native.ts";
import { encodeVariable } from "./variables.ts";

const variable = (size: number, kind: NativeVariable["kind"]): NativeVariable => ({
  name: "v",
  section: ".rodata",
  offset: 0,
  size,
  kind,
});

function decode(bytes: Uint8Array, signed: boolean): bigint {
  const bits = bytes.byteLength * 8;
  const all = bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  return signed ? BigInt.asIntN(bits, all) : all;
}

describe("encodeVariable", () => {
  test("what fits comes back, what does not is refused", () => {
    const sizes = fc.constantFrom(1, 2, 4, 8);
    const values = fc.oneof(
      fc.bigInt({ min: -(1n << 66n), max: 1n << 66n }),
      fc.bigInt({ min: -300n, max: 300n }),
    );
    fc.assert(
      fc.property(sizes, fc.boolean(), values, (size, signed, value) => {
        const target = variable(size, signed ? "signed" : "unsigned");
        const bits = size * 8;
        const fits = (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value;
        if (fits) expect(decode(encodeVariable("test", target, value), signed)).toBe(value);
        else expect(() => encodeVariable("test", target, value)).toThrow(BpfError);
      }),
    );
  });

  test.each([
    [variable(1, "bool"), true, [1]],
    [variable(1, "bool"), 0, [0]],
    [variable(2, "unsigned"), 0x1234, [0x34, 0x12]],
    [variable(4, "signed"), -2, [0xfe, 0xff, 0xff, 0xff]],
    [variable(3, "bytes"), Uint8Array.of(1, 2, 3), [1, 2, 3]],
  ])("%o = %s", (target, value, bytes) => {
    expect([...encodeVariable("test", target, value)]).toEqual(bytes);
  });

  test.each([
    [variable(1, "bool"), 2],
    [variable(4, "unsigned"), Number.NaN],
    [variable(4, "unsigned"), 0.5],
    [variable(8, "unsigned"), 2 ** 60],
    [variable(3, "bytes"), 1],
    [variable(16, "unsigned"), 1n],
    [variable(4, "unsigned"), Uint8Array.of(1)],
    [variable(4, "unsigned"), "1" as unknown as number],
    [variable(4, "unsigned"), null as unknown as number],
  ])("refused: %o = %s", (target, value) => {
    expect(() => encodeVariable("set v", target, value)).toThrow(/cannot set v: .*ERR_BPF_INVALID_ARGUMENT/);
  });
});
