import { FilterError } from "@tcptracker/filter";
import { expect, test } from "vitest";
import { formatExplanation } from "./explanation-text.ts";
import { explainFilter } from "./explanation.ts";

const SNAPLEN = 262_144;
const LIST = Array.from({ length: 1000 }, (_, i) => `"10.${i >> 8}.${i & 255}.0/24"`).join(", ");

test("a filter that the kernel decides alone has both programs, with columns", () => {
  const text = 'remote.port == 8080 && process.name == "curl" && payload.startsWith(b"GET /api")';
  const { plan, programs, maps, measured } = explainFilter(text, SNAPLEN);
  expect(plan.user).toEqual([]);
  expect(maps).toEqual([]);
  expect(programs.map(({ stage }) => stage)).toEqual(["filter", "filter_payload"]);
  const columns = programs.flatMap(({ listing }) => listing.flatMap(({ column }) => column ?? []));
  expect(new Set(columns)).toEqual(new Set([1, 24, 50]));
  for (const { instructions, worstCase, listing } of programs) {
    expect(worstCase).toBeLessThanOrEqual(listing.length);
    expect(instructions).toBeGreaterThanOrEqual(listing.length);
  }
  expect(measured).toBeDefined();
});

test("what user space decides is said, with the reason, and costs the kernel nothing", () => {
  const explanation = explainFilter('payload.matches("x.*y")', SNAPLEN);
  expect(explanation).toMatchObject({ programs: [], maps: [] });
  expect(explanation.measured).toBeUndefined();
  expect(formatExplanation(explanation)).toContain("nothing: every call goes to user space");
});

test("maps are listed with their sizes", () => {
  const explanation = explainFilter(`remote.address.in([${LIST}])`, SNAPLEN);
  expect(explanation.maps).toEqual([
    { name: "networks_0", type: "lpm_trie", entries: 1000, maxEntries: 1000, keyBytes: 20 },
  ]);
  const text = formatExplanation(explanation);
  expect(text).toContain("  networks_0: lpm_trie, 1000 entries, keys of 20 bytes\n");
  expect(text).toMatch(/if r0 == 0 goto \d+ <connection_rejected> +; column 1\n/);
  expect(text).toMatch(/\d+ instructions, of which \d+ run at most\n/);
});

test("the snap length is what a payload is", () => {
  const text = 'payload.startsWith(b"GET /api")';
  expect(explainFilter(text, 3).programs.map(({ stage }) => stage)).not.toContain("filter_payload");
});

test("a text that is no filter has a column", () => {
  expect(() => explainFilter("remote.prt == 1", SNAPLEN)).toThrow(FilterError);
});
