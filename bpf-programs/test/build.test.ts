import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const PACKAGE = join(import.meta.dirname, "..");
/** One that has programs and one that has none: the others are made the same way, which takes a minute. */
const NAMES = ["tracepoint.perfbuf.noatomics.bpf.o", "layout.bpf.o"];
const OBJECTS = ["x64", "arm64"].flatMap((architecture) => NAMES.map((name) => `${architecture}/${name}`));
const SOURCES = ["include", "lib", "src", "build.ts", "package.json"];

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "tcptracker-probes-"));
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** Builds a copy of the sources somewhere else; the digests of what comes out. */
function buildIn(name: string): Record<string, string> {
  const directory = join(scratch, name);
  for (const source of SOURCES) cpSync(join(PACKAGE, source), join(directory, source), { recursive: true });
  execFileSync(process.execPath, [join(directory, "build.ts"), join(directory, "dist"), ...NAMES], {
    cwd: tmpdir(),
  });
  return Object.fromEntries(
    OBJECTS.map((object) => [
      object,
      createHash("sha256")
        .update(readFileSync(join(directory, "dist", object)))
        .digest("hex"),
    ]),
  );
}

test("the objects are the same wherever they are built", () => {
  const here = buildIn("a");
  const elsewhere = buildIn("some/where/else");
  expect(elsewhere).toEqual(here);
  expect(new Set(Object.values(here)).size).toBeGreaterThan(NAMES.length);
});

test("no path of the build machine is in an object", () => {
  buildIn("unmistakable-name");
  for (const object of OBJECTS)
    expect(
      readFileSync(join(scratch, "unmistakable-name/dist", object)).includes("unmistakable-name"),
      object,
    ).toBe(false);
});
