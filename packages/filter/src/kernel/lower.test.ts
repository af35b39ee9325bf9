import { expect, test } from "vitest";
import { compile } from "../compile.ts";
import type { FilterEnvironment } from "../names/environment.ts";
import { formatKernel } from "./format.ts";

/** What the kernel decides of a filter, in words; and whether that is all. */
function lowered(text: string, environment: FilterEnvironment = {}): [string, "all" | "part"] {
  const { kernel, residual } = compile(text, environment);
  return [kernel === undefined ? "" : formatKernel(kernel), residual === undefined ? "all" : "part"];
}

const X = (length: number): string => `b"${"x".repeat(length)}"`;

test.each<[string, string, "all" | "part"]>([
  ["true", "", "all"],
  ["false", "false", "all"],
  ["80 == remote.port", "remote.port == 80", "all"],
  ["1024 < size", "size > 1024", "all"],
  ["size >= 9007199254740991", "size >= 9007199254740991", "all"],
  ["size == 9007199254740991", "size >= 9007199254740991", "all"],
  ["size < 9007199254740991", "size < 9007199254740991", "all"],
  ["size <= 9007199254740991", "", "all"],
  ["size in [1, 9007199254740991]", "", "part"],
  ["remote.port in [443, 80, 443]", "remote.port in [80, 443]", "all"],
  ["remote.port in []", "false", "all"],
  ["local.port < remote.port", "local.port < remote.port", "all"],
  ["size < offset", "", "part"],
  ["size + 1 == 3", "", "part"],
  ['direction == ""', 'direction == ""', "all"],
  ['type != "data"', 'type != "data"', "all"],
  ['syscall.matches("^recv.*from$")', 'syscall == "recvfrom"', "all"],
  ['syscall.startsWith("recv")', 'syscall in ["recvfrom", "recvmsg", "recvmmsg"]', "all"],
  ['type < "data"', 'type == "close"', "all"],
  ['network.transport == "tcp"', "", "all"],
  ['cause == "fault"', "", "part"],
  ["cause != cause", "false", "all"],
  ['connection.id == "8f3c000000000001"', "", "part"],
  ['process.name == "curl"', 'process.name == "curl"', "all"],
  ['process.name == "\\ufffd"', "", "part"],
  ['process.name.contains("a\\ufffd")', "", "part"],
  ['process.name in ["a", "\\ufffd"]', "", "part"],
  ['process.name == "a\\x00"', "false", "all"],
  ['process.name.startsWith("")', "", "all"],
  ['process.name > "a"', "", "part"],
  ["size(process.name) == 3", "", "part"],
  ['remote.address == "::1"', 'remote.address.in(["::1"])', "all"],
  ['remote.address != "10.0.0.1"', '!(remote.address.in(["10.0.0.1"]))', "all"],
  [
    'remote.address.in(["10.1.0.0/16", "10.0.0.0/8", "::/0"])',
    'remote.address.in(["10.0.0.0/8"]) || (remote.address.in(["::/0"]) && !(remote.address.in(["0.0.0.0/0"])))',
    "all",
  ],
  ['remote.address.startsWith("10.")', "", "part"],
  ['payload == b""', "prefix.size() == 0", "all"],
  [`payload == ${X(2)}`, 'prefix == b"xx"', "all"],
  ['payload.startsWith("é")', 'prefix.startsWith(b"\\xc3\\xa9")', "all"],
  ['payload.contains("x")', "", "part"],
  ['payload.contains("")', "", "all"],
  ["payload.size() < 256", "prefix.size() < 256", "all"],
  ["payload.size() == 256", "prefix.size() >= 256", "part"],
  ["payload.size() <= 256", "", "part"],
  ["payload.size() <= 65536", "", "part"],
  ["!(payload.size() <= 256)", "prefix.size() >= 256", "part"],
  ["payload.size() in [1, 300]", "prefix.size() == 1 || prefix.size() >= 256", "part"],
  ["!(port(80) || payload.contains('x'))", "!(local.port == 80 || remote.port == 80)", "part"],
  ["(size == 1 && payload.contains('x')) || size == 2", "size == 1 || size == 2", "part"],
  ["payload.contains('x') || size == 2", "", "part"],
  ["payload.contains('x') ? size == 1 : size == 2", "size == 1 || size == 2", "part"],
  ["size == 1 ? payload.contains('x') : size == 2", "size == 1 || size == 2", "part"],
  [
    "(size == 1 && payload.contains('x')) ? size == 3 : offset == 4",
    "(size == 1 && size == 3) || offset == 4",
    "part",
  ],
  ["(size == 1) == (offset == 2)", "size == 1 ? offset == 2 : !(offset == 2)", "all"],
  ["(size == 1) == payload.contains('x')", "", "part"],
])("the kernel decides of %s: %s", (text, kernel, share) => {
  expect(lowered(text)).toEqual([kernel, share]);
});

test.each<[string, number, string, "all" | "part"]>([
  [`payload == ${X(255)}`, 262_144, `prefix == b"${"x".repeat(40)}…"`, "all"],
  [`payload == ${X(256)}`, 262_144, `prefix.startsWith(b"${"x".repeat(40)}…")`, "part"],
  [`payload == ${X(256)}`, 256, `prefix == b"${"x".repeat(40)}…"`, "all"],
  [`payload.startsWith(${X(257)})`, 262_144, `prefix.startsWith(b"${"x".repeat(40)}…")`, "part"],
  [`payload.startsWith(${X(5)})`, 4, "false", "all"],
  [`payload == ${X(4)}`, 4, 'prefix == b"xxxx"', "all"],
  ["payload.size() == 4", 4, "prefix.size() == 4", "all"],
  ["payload.size() > 4", 4, "prefix.size() > 4", "all"],
  ["payload.size() < 5", 4, "", "all"],
  ["payload.size() != 0", 0, "prefix.size() != 0", "all"],
])("the kernel decides of %s with a snaplen of %i", (text, snaplen, kernel, share) => {
  expect(lowered(text, { snaplen })).toEqual([kernel, share]);
});

test.each<[string, string]>([
  ['container.id == "a"', 'cgroup.id in the set of container.id == "a"'],
  ['container.id != "a"', '!(cgroup.id in the set of !(container.id != "a"))'],
  ['pod.labels["app"].startsWith("w")', 'cgroup.id in the set of pod.labels["app"].startsWith("w")'],
])("a declared attribute becomes a set: %s", (text, kernel) => {
  const environment = { sets: [{ name: "container.id" }, { name: "pod.labels", keyed: true }] };
  expect(lowered(text, environment)).toEqual([kernel, "all"]);
  const [set] = compile(text, environment).sets;
  // Cgroups without the attribute are in no set, whatever the test.
  expect(set?.accepts("")).toBe(false);
  expect(set?.accepts("a")).toBe(!text.includes("labels"));
});

test("a set that the kernel does not ask for is not kept", () => {
  const environment = { sets: [{ name: "container.id" }] };
  expect(compile('container.id == "a" || payload.contains("x")', environment).sets).toEqual([]);
});

test("equality of conditions is decided in user space where it would grow too large", () => {
  const nested = `${"(size == 1) == (".repeat(20)}offset == 2${")".repeat(20)}`;
  const { kernel, residual } = compile(nested);
  expect(kernel).toBeUndefined();
  expect(residual).toBeDefined();
});
