import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { LayoutError, readBtf } from "./layout/btf.ts";
import { describeLayout, layoutHash } from "./layout/describe.ts";
import type { Layout } from "./layout/describe.ts";
import { emitHeader, emitTypeScript } from "./layout/emit.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const CLANGS = ["clang-19", "clang", "clang-18", "clang-17", "clang-16"];
const work = mkdtempSync(path.join(tmpdir(), "tcptracker-layout-"));

afterAll(() => {
  rmSync(work, { recursive: true });
});

/** Compiles layout.bpf.c against event.h, in which `before` is replaced by `after`. Returns the object's path. */
function compile(before = "", after = ""): string {
  const directory = mkdtempSync(path.join(work, "object-"));
  cpSync(path.join(ROOT, "bpf-programs/include"), directory, { recursive: true });
  const header = path.join(directory, "tcptracker/event.h");
  const text = readFileSync(header, "utf8");
  expect(text).toContain(before);
  writeFileSync(header, text.replace(before, after));
  const object = path.join(directory, "layout.bpf.o");
  const source = path.join(ROOT, "bpf-programs/src/layout.bpf.c");
  const args = ["-target", "bpf", "-g", "-O2", "-I", directory, "-c", source, "-o", object];
  for (const clang of CLANGS) {
    const { error, status, stderr } = spawnSync(clang, args, { encoding: "utf8" });
    if (error !== undefined) continue;
    if (status !== 0) throw new Error(stderr);
    return object;
  }
  throw new Error("no clang: run npm run setup");
}

function describeWith(before?: string, after?: string): Layout {
  return describeLayout(readBtf(compile(before, after)));
}

function run(...args: readonly string[]): { status: number | null; stderr: string } {
  const tool = path.join(import.meta.dirname, "generate-layout.ts");
  return spawnSync(process.execPath, [tool, ...args], { encoding: "utf8" });
}

describe("the layout", () => {
  test("is committed as it is generated", () => {
    expect(run("--check", "--object", compile())).toMatchObject({ status: 0, stderr: "" });
  });

  test("has the same text and hash every time", () => {
    const [a, b] = [describeWith(), describeWith()];
    expect(emitTypeScript(a)).toBe(emitTypeScript(b));
    expect(layoutHash(a)).toMatch(/^[0-9a-f]{16}$/);
    expect(emitHeader(a)).toContain(`#define TT_LAYOUT_HASH 0x${layoutHash(a)}ULL`);
  });

  test.each([
    ["a field that moved", "__u32 pid;", "__u32 moved; __u32 pid; __u32 moved2;"],
    ["a field of another name", "__u32 pid;", "__u32 process;"],
    ["a value that changed", "TT_GAP_FAULT = 3", "TT_GAP_FAULT = 33"],
    ["a value that was added", "TT_COUNTER_MAX", "TT_COUNTER_NEW, TT_COUNTER_MAX"],
  ])("has another hash with %s", (_, before, after) => {
    expect(layoutHash(describeWith(before, after))).not.toBe(layoutHash(describeWith()));
  });

  test("keeps its hash when only a comment changes", () => {
    expect(layoutHash(describeWith("/* ns,", "/* nanoseconds,"))).toBe(layoutHash(describeWith()));
  });

  test("takes a new enum value over to the wire names", () => {
    const text = emitTypeScript(describeWith("TT_GAP_FAULT = 3", "TT_GAP_FAULT = 3, TT_GAP_NEW_CAUSE = 99"));
    expect(text).toContain("  new_cause: 99,\n");
    expect(text).toContain('  undefined,\n  "new_cause",\n];');
  });
});

describe("what a record cannot have", () => {
  test.each([
    ["a bit field", "__u32 pid;", "__u32 pid : 20; __u32 more : 12;", "tt_record.pid is a bit field"],
    ["a union", "__u32 pid;", "union { __u32 pid; __u8 bytes[4]; } task;", "tt_record.task is a union"],
    ["padding without a name", "__u32 reserved2;\n};", "};", "tt_record is 104 bytes, its fields end at 100"],
    ["a hole", "__u64 time;", "__u8 hole; __u64 time;", "tt_record.time begins at 16"],
    ["a signed field", "__u32 pid;", "int pid;", "tt_record.pid is signed"],
    ["a pointer", "__u64 time;", "void *time;", "tt_record.time is a ptr"],
    ["an array of words", "__u32 pid;", "__u32 pid[1];", "tt_record.pid is an array"],
    [
      "a value that is negative",
      "TT_GAP_FAULT = 3",
      "TT_GAP_FAULT = -3",
      "TT_GAP_FAULT of tt_gap_cause is -3",
    ],
    ["two names of a value", "TT_GAP_FAULT = 3", "TT_GAP_FAULT = 2", "TT_GAP_FAULT and TT_GAP_RING_FULL"],
  ])("%s is refused by name", (_, before, after, message) => {
    expect(() => describeWith(before, after)).toThrow(message);
  });

  test("an enum member without its prefix is refused", () => {
    expect(() => emitTypeScript(describeWith("TT_GAP_FAULT = 3", "FAULT = 3"))).toThrow(LayoutError);
  });
});

describe("the command", () => {
  test("says what differs, and writes nothing, with --check", () => {
    const committed = readFileSync(path.join(ROOT, "packages/events/src/gen/layout.ts"), "utf8");
    const { status, stderr } = run("--check", "--object", compile("TT_GAP_FAULT = 3", "TT_GAP_FAULT = 33"));
    expect(status).toBe(1);
    expect(stderr).toContain("packages/events/src/gen/layout.ts is out of date:");
    expect(stderr).toContain("  +   fault: 33,");
    expect(stderr).toContain("Run: npm run generate");
    expect(readFileSync(path.join(ROOT, "packages/events/src/gen/layout.ts"), "utf8")).toBe(committed);
  });

  test("says so when there is no object, no BTF, or another option", () => {
    expect(run("--object", path.join(work, "missing.o"))).toMatchObject({ status: 1 });
    const bare = compile();
    execFileSync("sh", ["-c", 'printf "no object" > "$0"', bare]);
    expect(run("--object", bare)).toMatchObject({ status: 1 });
    expect(run("--nonsense")).toMatchObject({ status: 2 });
  });
});
