/** docs/filters.md: every example is compiled and tried on the page's records. */
import { fromJson } from "@tcptracker/events";
import type { TapRecord } from "@tcptracker/events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { compile, factsOf, interpret, RecordInput } from "../src/index.ts";
import type { Filter } from "../src/index.ts";
import { VARIABLE_NAMES } from "../src/names/variables.ts";
import { evaluate } from "./support/oracle.ts";

const SNAPLEN = 262_144;
const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/filters.md"), "utf8");

function blocks(language: string): string[] {
  return Array.from(
    page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm")),
    ([, block = ""]) => block,
  );
}

/** The rows of the first table behind a line. */
function table(line: string): string[] {
  const [, behind = ""] = page.split(`\n${line}\n`);
  const [, rows = ""] = /^((?:\|.*\n)+)/m.exec(behind) ?? [];
  return rows.trim().split("\n").slice(2);
}

const names = table("All examples of this page are run as tests, on these records:").map(
  (row) => row.split("|")[1]?.trim() ?? "",
);
const lines = blocks("jsonl").join("").trim().split("\n");
const records: ReadonlyMap<string, TapRecord> = new Map(
  names.map((name, index) => [name, fromJson(lines[index] ?? "")]),
);

const examples = blocks("cel")
  .flatMap((block) => block.trim().split("\n\n"))
  .map((text) => ({
    text,
    expression: text.replace(/^\/\/.*\n/gm, ""),
    shows: /^\/\/ shows: (.*)$/m.exec(text)?.[1]?.split(", ") ?? [],
    kernel: /^\/\/ kernel: (.*)$/m.exec(text)?.[1],
  }));

function share({ kernel, residual }: Filter): string {
  if (kernel === undefined) return "none";
  return residual === undefined ? "all" : "part";
}

/** As a tap judges it; see the agent's CallJudge. */
function isShown(filter: Filter, record: TapRecord): boolean {
  const hides = record.type === "gap" && (record.cause === "ring_full" || record.cause === "unseen");
  return (hides ? filter.maybe : filter.whole)(new RecordInput(record));
}

test("the page has records and examples", () => {
  expect(names).toHaveLength(lines.length);
  expect(examples.length).toBeGreaterThan(30);
  expect(examples.filter(({ shows, kernel }) => shows.length === 0 || kernel === undefined)).toEqual([]);
});

describe.each(examples)("$expression", ({ text, shows, kernel: where }) => {
  const filter = compile(text, { snaplen: SNAPLEN });

  test("shows what the page says", () => {
    const shown = [...records].filter(([, record]) => isShown(filter, record)).map(([name]) => name);
    expect(shown).toEqual(names.filter((name) => shows.includes(name)));
    expect(shown).toHaveLength(shows.length);
  });

  test("is decided where the page says", () => {
    expect(share(filter)).toBe(where);
  });

  test("means the same to CEL, and to kernel and user space together", () => {
    for (const record of records.values()) {
      const input = new RecordInput(record);
      const passes =
        filter.kernel === undefined || interpret(filter.kernel, factsOf(input, SNAPLEN, filter.sets));
      expect(filter.whole(input)).toBe(evaluate(text, record));
      expect(passes && (filter.residual?.(input) ?? true)).toBe(filter.whole(input));
    }
  });
});

test("a gap that might hide what a filter is for is shown, as the page says", () => {
  const lost = records.get("lost");
  if (lost === undefined) throw new Error("the page has lost its gap");
  const input = new RecordInput(lost);
  expect(compile('payload.startsWith(b"GET ")').maybe(input)).toBe(true);
  expect(compile('remote.port == 80 && payload.startsWith(b"GET ")').maybe(input)).toBe(false);
});

test("the page names every name, and no others", () => {
  const rows = table("## Names").map((row) => row.split("|")[1] ?? "");
  const listed = rows.flatMap((row) => {
    const [first = "", ...more] = Array.from(row.matchAll(/`([^`]+)`/g), ([, name = ""]) => name);
    const [root = ""] = first.split(".");
    return [first, ...more.map((name) => (name.startsWith(".") ? root + name : name))];
  });
  expect(listed.toSorted()).toEqual(VARIABLE_NAMES.toSorted());
});
