import { describe, expect, test } from "vitest";
import { compareDirection, type EndFacts } from "./compare.ts";
import type { Piece } from "./tapped.ts";

const WIRE = Buffer.from("0123456789");
const OPEN = { direction: "ingress", closed: false, reset: false } as const;
const TORN = { closed: true, reset: true } as const;

function data(offset: number, text: string): Piece {
  return { offset, bytes: Buffer.from(text) };
}

function gap(offset: number, size: number, cause: string): Piece {
  return { offset, size, cause };
}

function compare(pieces: readonly Piece[], facts: EndFacts = OPEN) {
  const { gaps, ...rest } = compareDirection(WIRE, pieces, facts);
  return { ...rest, gaps: Object.fromEntries(gaps) };
}

const NOTHING = { identical: 0, gaps: {}, unread: 0, unsent: 0, differences: [] };

test("the same bytes, cut in any way", () => {
  expect(compare([data(0, "0123456789")])).toEqual({ ...NOTHING, identical: 10 });
  expect(compare([data(0, "012"), data(3, "3"), data(4, "456789")])).toEqual({ ...NOTHING, identical: 10 });
});

test("bytes around gaps are compared at their offsets", () => {
  const pieces = [
    data(0, "01"),
    gap(2, 3, "snaplen"),
    data(5, "56"),
    gap(7, 1, "snaplen"),
    gap(8, 2, "fault"),
  ];
  expect(compare(pieces)).toEqual({ ...NOTHING, identical: 4, gaps: { snaplen: 4, fault: 2 } });
});

describe("differences", () => {
  test("other bytes", () => {
    const { identical, differences } = compare([data(0, "0123"), data(4, "4x6y89")]);
    expect(identical).toBe(8);
    expect(differences).toEqual([{ offset: 5, size: 2, what: "tap 7836793839, wire 3536373839" }]);
  });

  test("a gap that is a byte too short or too long", () => {
    expect(compare([data(0, "01"), gap(2, 2, "snaplen"), data(4, "56789")]).differences).toHaveLength(2);
    expect(compare([data(0, "01"), gap(2, 4, "snaplen"), data(6, "56789")]).differences).toHaveLength(2);
  });

  test("bytes that no record has", () => {
    expect(compare([data(0, "01"), gap(2, 8, "missing")])).toEqual({
      ...NOTHING,
      identical: 2,
      differences: [{ offset: 2, size: 8, what: "no record has these bytes" }],
    });
  });

  test("pieces that do not follow each other", () => {
    expect(compare([data(0, "01"), data(3, "3456789")]).differences).toHaveLength(1);
  });

  test("nothing at all", () => {
    expect(compare([]).differences).toMatchObject([{ offset: 0, size: 10 }]);
  });

  test("a gap that goes on after the wire's end", () => {
    expect(compare([data(0, "01234567"), gap(8, 5, "sendfile")])).toMatchObject({
      gaps: { sendfile: 2 },
      differences: [{ offset: 10, size: 3 }],
    });
  });
});

describe("unread: the process closed without taking all", () => {
  const start = [data(0, "0123")];

  test("after a reset", () => {
    expect(compare(start, { direction: "ingress", ...TORN })).toEqual({
      ...NOTHING,
      identical: 4,
      unread: 6,
    });
    expect(compare([], { direction: "ingress", ...TORN })).toEqual({ ...NOTHING, unread: 10 });
  });

  test.each<EndFacts>([
    { direction: "ingress", closed: true, reset: false },
    { direction: "ingress", closed: false, reset: true },
    { direction: "egress", ...TORN },
  ])("is no excuse for %o", (facts) => {
    expect(compare(start, facts)).toMatchObject({ unread: 0, differences: [{ offset: 4, size: 6 }] });
  });

  test("what it took has to be the same", () => {
    const { differences } = compare([data(0, "01x3")], { direction: "ingress", ...TORN });
    expect(differences).toMatchObject([{ offset: 2, size: 1 }]);
  });
});

describe("unsent: the kernel threw away what the process had sent", () => {
  const more = [data(0, "0123456789"), data(10, "abc")];

  test("after a reset", () => {
    expect(compare(more, { direction: "egress", ...TORN })).toEqual({ ...NOTHING, identical: 10, unsent: 3 });
  });

  test("also where the tap has a gap for it", () => {
    const pieces = [data(0, "01234567"), gap(8, 5, "sendfile")];
    expect(compare(pieces, { direction: "egress", ...TORN })).toMatchObject({
      gaps: { sendfile: 2 },
      unsent: 3,
    });
  });

  test.each<EndFacts>([
    { direction: "egress", closed: true, reset: false },
    { direction: "ingress", ...TORN },
  ])("is no excuse for %o", (facts) => {
    expect(compare(more, facts)).toMatchObject({ unsent: 0, differences: [{ offset: 10, size: 3 }] });
  });
});
