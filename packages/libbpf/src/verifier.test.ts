import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { findReport, summarize } from "./verifier.ts";

const log = `0: R1=ctx() R10=fp0
; __u64 *value = bpf_map_lookup_elem(&values, &key); @ refused.bpf.c:17
0: (b7) r1 = 0                        ; R1=0
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=values,ks=4,vs=8)
; return *value; @ refused.bpf.c:19
6: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

describe("summarize", () => {
  test("source line, instruction and reason, without registers and figures", () => {
    expect(summarize(log)).toBe(
      "; return *value; @ refused.bpf.c:19\n6: (79) r0 = *(u64 *)(r0 +0)\nR0 invalid mem access 'map_value_or_null'",
    );
  });

  test("the source line is found further up", () => {
    const longer = log.replace("R0 invalid", "7: (b7) r2 = 1\n8: (b7) r3 = 1\nR0 invalid");
    expect(summarize(longer).split("\n")[0]).toBe("; return *value; @ refused.bpf.c:19");
  });

  test("a log of nothing but figures has no summary", () => {
    expect(summarize("processed 7 insns (limit 1000000)\n")).toBe("");
    expect(summarize("")).toBe("");
  });

  test("never longer than four lines of the log", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", ";", " ", "\n", "R0=", "processed 1 insns") }),
        (text) => {
          expect(summarize(text).split("\n").length).toBeLessThanOrEqual(4);
        },
      ),
    );
  });
});

describe("findReport", () => {
  const printed = (name: string, body: string): string =>
    `libbpf: prog '${name}': -- BEGIN PROG LOAD LOG --\n${body}-- END PROG LOAD LOG --\nlibbpf: failed to load object\n`;

  test("the program and its log", () => {
    expect(findReport(printed("careless", log))).toEqual({
      program: "careless",
      summary: summarize(log),
      log,
    });
  });

  test("the last of several, and a torn one", () => {
    expect(findReport(printed("one", "a\n") + printed("two", "b\n"))?.program).toBe("two");
    expect(findReport("libbpf: prog 'torn': -- BEGIN PROG LOAD LOG --\nrest\n")).toMatchObject({
      program: "torn",
      log: "rest\n",
    });
    expect(findReport("libbpf: nothing of that kind\n")).toBeUndefined();
  });
});
