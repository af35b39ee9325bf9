/** Whatever the text, compile() gives a filter or a FilterError with a place inside the text. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, FilterError, formatPlan, RecordInput } from "../src/index.ts";
import { anyExpression, SETS } from "./support/expressions.ts";
import { anyRecord } from "./support/records.ts";
import { FUZZ_TIMEOUT, runs } from "./support/seed.ts";

const WORDS = [
  ..."()[]{},.?:!+-*/%<>=&|\"'\\ \n\t\0é😀\ud800".split(""),
  "&&",
  "||",
  "==",
  "!=",
  "in",
  ".in(",
  "true",
  "null",
  "has(",
  "1",
  "0x",
  "9223372036854775808",
  "1e5",
  "2u",
  '"',
  'b"',
  'r"""',
  "//",
  "remote",
  "remote.port",
  "remote.address",
  "payload",
  "size",
  "size(",
  "port(",
  "net(",
  "startsWith(",
  "matches(",
  ".exists(x, x)",
  "as",
  "iN",
  "__proto__",
  "constructor",
  "container.id",
  'pod.labels["a"]',
];

const salad = fc
  .array(fc.constantFrom(...WORDS), { maxLength: 20 })
  .chain((words) => fc.constantFrom("", " ").map((blank) => words.join(blank)));

/** A filter with a part cut out and another put in. */
const mutated = fc
  .tuple(anyExpression, fc.nat(), fc.nat(6), fc.oneof(salad, fc.string()))
  .map(([text, at, cut, put]) => {
    const from = at % (text.length + 1);
    return text.slice(0, from) + put.slice(0, 12) + text.slice(from + cut);
  });

/** A filter with one word in place of another: it gets past the grammar more often. */
const exchanged = fc
  .tuple(
    anyExpression,
    fc.nat(),
    fc.oneof(fc.constantFrom(...WORDS), fc.constantFrom("1", '"GET"', "size", "host")),
  )
  .map(([text, at, word]) => {
    const words = text.split(/(\w+(?:\.\w+)*|"[^"]*")/);
    const odd = (at % words.length) | 1;
    return words.map((old, index) => (index === odd ? word : old)).join("");
  });

const anyText = fc.oneof(salad, mutated, exchanged, exchanged, fc.string({ unit: "binary" }), fc.string());

const cases = fc.tuple(anyText, anyRecord(262_144));

test("random text gives filters and FilterErrors only", { timeout: FUZZ_TIMEOUT }, () => {
  fc.assert(
    fc.property(cases, ([text, record]) => {
      tryOut(text, record);
    }),
    runs("random text", 6000),
  );
});

// Text of which all is nonsense to the tokenizer would say little about the rest. The seed is fixed, because how often
// random text ends in each way is a matter of chance.
test("random text gets as far as every stage", { timeout: FUZZ_TIMEOUT }, () => {
  const outcomes = new Map<string, number>();
  for (const [text, record] of fc.sample(cases, { numRuns: 6000, seed: 1 })) {
    const outcome = tryOut(text, record);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  console.info(Object.fromEntries(outcomes));
  for (const outcome of [
    "filter",
    "ERR_FILTER_SYNTAX",
    "ERR_FILTER_NAME",
    "ERR_FILTER_TYPE",
    "ERR_FILTER_VALUE",
  ])
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(10);
});

function tryOut(text: string, record: ConstructorParameters<typeof RecordInput>[0]): string {
  try {
    const filter = compile(text, { sets: SETS });
    filter.whole(new RecordInput(record));
    filter.maybe(new RecordInput(record));
    filter.residual?.(new RecordInput(record));
    expect(formatPlan(filter.explain())).toContain("in the kernel:");
    return "filter";
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    const { span, column, line, message, code } = error;
    expect(message).toContain(code);
    expect(span.from).toBeLessThanOrEqual(text.length);
    expect(span.to).toBeLessThanOrEqual(Math.max(text.length, 1));
    expect(column).toBeGreaterThan(0);
    expect(line).toBeGreaterThan(0);
    return code;
  }
}

test.each([
  ["brackets", "(".repeat(100_000)],
  ["closed brackets", `${"(".repeat(5000)}true${")".repeat(5000)}`],
  ["negations", `${"!".repeat(100_001)}true`],
  ["minus signs", `size == ${"-".repeat(100_001)}1`],
  ["sums", `size${" + 1".repeat(20_000)} == 1`],
  ["choices", `${"true ? true : ".repeat(5000)}true`],
  ["members", `a${".a".repeat(20_000)} == 1`],
  ["calls", `payload${".size()".repeat(5000)} == 1`],
  ["comparisons", `true${" == true".repeat(5000)}`],
  ["comparisons in brackets", `${"(true == ".repeat(90)}true${")".repeat(90)}`],
  ["a chain", `true${' && type == "data"'.repeat(20_000)}`],
  ["alternatives", `true${" || payload.contains('x')".repeat(30_000)}`],
  ["negated alternatives", `!(false${" || payload.contains('x')".repeat(30_000)})`],
  ["a list", `size in [1${", 1".repeat(100_000)}]`],
  ["alternatives within", `${"(size == 1 || payload.contains('x') && ".repeat(90)}true${")".repeat(90)}`],
  ["tests of tests", `${"(".repeat(90)}payload.contains("x")${" ? size == 1 : offset == 2)".repeat(90)}`],
  ["a long text", `process.name == "${"x".repeat(900_000)}"`],
  ["too much text", " ".repeat(2_000_000)],
  ["a wild pattern", `payload.matches("${"(a*)*".repeat(2000)}")`],
  ["a counted pattern", 'payload.matches("((a{1000}){1000}){1000}")'],
])("%s without end give a filter or a FilterError", { timeout: 60_000 }, (_, text) => {
  const [record] = fc.sample(anyRecord(262_144), { numRuns: 1, seed: 1 });
  if (record === undefined) throw new Error("there is no record");
  expect(tryOut(text, record)).toMatch(/^(?:filter|ERR_FILTER_[A-Z]+)$/);
});
