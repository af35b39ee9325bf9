import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cacheDirectory, cached } from "./cache.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-cache-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("where it is", () => {
  expect(cacheDirectory({ TCPTRACKER_CACHE: "/c", XDG_CACHE_HOME: "/x" })).toBe("/c/kernels");
  expect(cacheDirectory({ XDG_CACHE_HOME: "/x" })).toBe("/x/tcptracker/kernels");
  expect(cacheDirectory({})).toMatch(/\/\.cache\/tcptracker\/kernels$/);
});

test("made once", async () => {
  const place = join(directory, "deep/thing");
  const make = (text: string) => (unfinished: string) => {
    writeFileSync(join(unfinished, "file"), text);
    return Promise.resolve();
  };
  await cached(place, make("first"));
  await cached(place, make("second"));
  expect(readFileSync(join(place, "file"), "utf8")).toBe("first");
});

test("what could not be made leaves nothing", async () => {
  const place = join(directory, "thing");
  await expect(cached(place, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(existsSync(place)).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
});

test("of two at the same time the first one stays", async () => {
  const place = join(directory, "thing");
  const make = (unfinished: string): Promise<void> => {
    writeFileSync(join(unfinished, "file"), "");
    return new Promise((resolve) => setTimeout(resolve, 20));
  };
  await Promise.all([cached(place, make), cached(place, make)]);
  expect(readdirSync(directory)).toEqual(["thing"]);
});
