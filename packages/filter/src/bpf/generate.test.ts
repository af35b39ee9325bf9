import { describe, expect, test } from "vitest";
import { compile, encode, generate, list, PROGRAM_LIMIT, SHARED_MAPS, whyUnfit } from "../index.ts";
import type { KernelExpression, KernelPrograms } from "../index.ts";

function programsOf(text: string, generation?: number): KernelPrograms {
  const { kernel } = compile(text);
  if (kernel === undefined) throw new Error(`the kernel decides nothing of ${text}`);
  const generated = generate(kernel, generation);
  if (!generated.fits) throw new Error(generated.reason);
  return generated.programs;
}

/** The instructions that come from a part of the text, with its column. */
function own(text: string, program: "filter" | "payload" = "filter"): string[] {
  const code = programsOf(text)[program];
  if (code === undefined) throw new Error("there is no such program");
  return list(code).flatMap(({ text: line, span }) =>
    span === undefined ? [] : [`${span.from + 1}: ${line.replace(/goto \d+/, "goto")}`],
  );
}

function numbered(count: number, write: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => write(index)).join(", ");
}

describe("instructions of tests", () => {
  test("each part goes on or gives up, with one jump", () => {
    expect(own('remote.port == 8080 && process.name == "curl"')).toEqual([
      "1: r1 = *(u16 *)(r7 + 106)",
      "1: if r1 != 8080 goto <connection_rejected>",
      "24: r1 = *(u32 *)(r7 + 56)",
      "24: if r1 != 1819440483 goto <reject>",
      "24: r1 = *(u8 *)(r7 + 60)",
      "24: if r1 != 0 goto <reject>",
    ]);
  });

  test("a payload is looked at by the second program only", () => {
    const text = '(process.uid == 0 || payload.startsWith(b"GET ")) && size > 10';
    expect(own(text).filter((line) => line.includes("uid") || line.includes("payload"))).toEqual([
      "22: goto <payload>",
    ]);
    expect(own(text, "payload")).toContain("22: if r1 < 4 goto <reject>");
    expect(programsOf("size > 10").payload).toBeUndefined();
  });

  test("networks that begin alike are compared from their ends", () => {
    expect(own('remote.address.in("10.0.0.0/8")')).toEqual([
      "1: r1 = *(u32 *)(r7 + 100)",
      "1: r1 &= 255",
      "1: if r1 != 10 goto <connection_rejected>",
      "1: r1 = *(u32 *)(r7 + 96)",
      "1: r5 = 0xffff0000",
      "1: if r1 != r5 goto <connection_rejected>",
      "1: r1 = *(u32 *)(r7 + 92)",
      "1: if r1 != 0 goto <connection_rejected>",
      "1: r1 = *(u32 *)(r7 + 88)",
      "1: if r1 != 0 goto <connection_rejected>",
    ]);
  });
});

describe("maps", () => {
  test.each([
    [`remote.port in [${numbered(9, (i) => String(i))}]`, "hash", 9, 8],
    [`process.name in [${numbered(5, (i) => `"name${i}"`)}]`, "hash", 5, 16],
    [`remote.address.in([${numbered(7, (i) => `"10.${i}.0.0/16"`)}])`, "lpm_trie", 7, 20],
  ])("%s", (text, type, entries, keySize) => {
    const { maps } = programsOf(text);
    expect(maps).toMatchObject([{ type, maxEntries: entries, keySize }]);
    expect(maps[0]?.keys.length).toBe(entries);
    expect(
      programsOf(text.replace(/\[[^\]]*\]/, (list) => list.split(",").slice(0, 3).join(",") + "]")).maps,
    ).toEqual([]);
  });

  test("are the same for both programs", () => {
    const list = numbered(20, (i) => String(i));
    const { maps, payload } = programsOf(`remote.port in [${list}] || payload == b"x"`);
    expect(maps).toHaveLength(1);
    expect(payload?.maps).toContain(maps[0]?.name);
  });

  test("1,000 networks take no more instructions than 10", () => {
    const [few, many] = [10, 1000].map((count) =>
      programsOf(`remote.address.in([${numbered(count, (i) => `"10.${i >> 8}.${i & 255}.0/24"`)}])`),
    );
    expect(many?.filter.slots).toBe(few?.filter.slots);
  });
});

describe("limits", () => {
  const span = { from: 0, to: 1 };
  const leaf = (value: bigint): KernelExpression => ({
    op: "compare",
    field: "pid",
    relation: "==",
    value,
    span,
  });

  test("too many tests for one program", () => {
    const operands = Array.from({ length: 3000 }, (_, i) => leaf(BigInt(i)));
    const generated = generate({ op: "or", operands, span });
    expect(generated).toMatchObject({ fits: false });
    expect(whyUnfit({ op: "or", operands, span })).toMatch(
      new RegExp(`^too large for the kernel: it takes \\d+ instructions, and .* ${PROGRAM_LIMIT} at most$`),
    );
    expect(whyUnfit({ op: "or", operands: operands.slice(0, 500), span })).toBeUndefined();
  });

  test("too deep", () => {
    let deep = leaf(1n);
    for (let i = 0; i < 300; i++)
      deep = { op: i % 2 === 0 ? "or" : "and", operands: [leaf(BigInt(i)), deep], span };
    expect(whyUnfit(deep)).toContain("nested more than 256 deep");
  });

  test("what is too large is left to user space, with a note", () => {
    const large = Array.from({ length: 2500 }, (_, i) => `process.pid == ${i} && size > ${i}`).join(" || ");
    const filter = compile(`remote.port == 80 && (${large})`, { unfit: whyUnfit });
    expect(filter.kernel).toMatchObject({ op: "compare", field: "remote.port" });
    expect(filter.residual).toBeDefined();
    expect(filter.explain().user[0]?.reasons.at(-1)?.reason).toContain("too large for the kernel");
  });

  test.each([0, 256, 2 ** 30, 1.5])("generation %d is none", (generation) => {
    expect(() => generate(leaf(1n), generation)).toThrow(RangeError);
  });
});

test("programs name the maps around them, and can be encoded", () => {
  const { filter } = programsOf("remote.port == 80 && process.uid == 0", 77);
  expect(filter.maps.toSorted()).toEqual([...SHARED_MAPS].toSorted());
  const bytes = encode(filter, new Map(SHARED_MAPS.map((name, index) => [name, index + 10])));
  expect(bytes.length).toBe(filter.slots * 8);
});
