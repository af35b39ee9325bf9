import { expect, test } from "vitest";
import { compile } from "./compile.ts";
import { FilterError } from "./errors.ts";
import type { FilterErrorCode } from "./errors.ts";

/** The error for a text: its code, the part that is underlined, and its words. */
function errorOf(text: string): { code: string; at: string; message: string } {
  try {
    compile(text);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return { code: error.code, at: text.slice(error.span.from, error.span.to), message: error.message };
  }
  throw new Error(`${text} is a filter`);
}

test.each<[string, FilterErrorCode, string, string]>([
  ["remote.prot == 80", "ERR_FILTER_NAME", "remote.prot", 'did you mean "remote.port"?'],
  ["Remote.Port == 80", "ERR_FILTER_NAME", "Remote.Port", 'did you mean "remote.port"?'],
  ["src.port == 80", "ERR_FILTER_NAME", "src.port", "there is no source"],
  ['comm == "x"', "ERR_FILTER_NAME", "comm", 'write "process.name"'],
  ["remote == 1", "ERR_FILTER_NAME", "remote", "write remote.address or remote.port"],
  ["true && remote.host == 1", "ERR_FILTER_NAME", "remote.host", "there is remote.address, remote.port"],
  ["zzz", "ERR_FILTER_NAME", "zzz", "names are type, direction"],
  ["port == 80", "ERR_FILTER_NAME", "port", "write port(…)"],
  ["payload.startsWith", "ERR_FILTER_NAME", "payload.startsWith", "write payload.startsWith(…)"],
  ["remote.port.low == 1", "ERR_FILTER_NAME", "remote.port.low", '"remote.port" is an int'],
  ['payload.startWith("x")', "ERR_FILTER_NAME", "startWith", 'did you mean "startsWith"?'],
  ['startsWith("x")', "ERR_FILTER_NAME", "startsWith", 'payload.startsWith(b"GET ")'],
  ["int(offset) == 1", "ERR_FILTER_NAME", "int", "there is no function"],
  ['remote.address.iN("10.0.0.1")', "ERR_FILTER_NAME", "iN", 'did you mean "in"?'],
  ["constructor == 1", "ERR_FILTER_NAME", "constructor", "there is no"],
  ["toString(1) == 1", "ERR_FILTER_NAME", "toString", "there is no function"],
  ['remote.port == "80"', "ERR_FILTER_TYPE", 'remote.port == "80"', "write 80 in place of"],
  ["process.name == 5", "ERR_FILTER_TYPE", "process.name == 5", 'write "5" in place of 5'],
  ['payload == "x"', "ERR_FILTER_TYPE", 'payload == "x"', 'write b"x"'],
  ["remote.port in [80, '443']", "ERR_FILTER_TYPE", "'443'", "write 443"],
  ["remote.port in [80, local.port]", "ERR_FILTER_TYPE", "local.port", "literals only"],
  ["remote.port in 80", "ERR_FILTER_TYPE", "80", "in brackets"],
  [
    'remote.address in "10.0.0.0/8"',
    "ERR_FILTER_TYPE",
    '"10.0.0.0/8"',
    'write remote.address.in("10.0.0.0/8")',
  ],
  ["[80] == [80]", "ERR_FILTER_TYPE", "[80]", 'behind "in" only'],
  ["size", "ERR_FILTER_TYPE", "size", "size != 0"],
  ["true && process.name", "ERR_FILTER_TYPE", "process.name", 'process.name != ""'],
  ["(true ? 1 : 'a') == 1", "ERR_FILTER_TYPE", "true ? 1 : 'a'", "of one type"],
  ["true < false", "ERR_FILTER_TYPE", "true < false", "equal or not"],
  ["(true) + 1 == 2", "ERR_FILTER_TYPE", "true", "not a condition"],
  ["process.name + 'x' == 'y'", "ERR_FILTER_TYPE", "process.name", "arithmetic is for ints"],
  ["size == 80u", "ERR_FILTER_TYPE", "80u", "without the u"],
  ["size == 1.5", "ERR_FILTER_TYPE", "1.5", "whole number"],
  ["syscall == null", "ERR_FILTER_TYPE", "null", "nothing is null"],
  ["size.startsWith('1')", "ERR_FILTER_TYPE", "size.startsWith('1')", "for strings and bytes"],
  ["process.name.in('a')", "ERR_FILTER_TYPE", "process.name.in('a')", "write process.name in […]"],
  ["process.name.matches(syscall)", "ERR_FILTER_TYPE", "syscall", "a literal"],
  ["payload.startsWith(syscall)", "ERR_FILTER_TYPE", "syscall", 'b"GET "'],
  ["size(size) == 1", "ERR_FILTER_TYPE", "size(size)", "size is an int"],
  ["host(1)", "ERR_FILTER_TYPE", "1", "in quotes"],
  ["port('http')", "ERR_FILTER_TYPE", "'http'", "port(8080)"],
  ["port(1, 2)", "ERR_FILTER_ARITY", "port(1, 2)", "takes one argument, as in port(8080)"],
  ["payload.size(1) == 1", "ERR_FILTER_ARITY", "payload.size(1)", "takes no argument"],
  ["payload.matches()", "ERR_FILTER_ARITY", "payload.matches()", "takes one argument"],
  ["remote.port == 70000", "ERR_FILTER_RANGE", "70000", "remote.port is 0 to 65535"],
  ["remote.port > 65535", "ERR_FILTER_RANGE", "65535", "remote.port is 0 to 65535, never more than 65535"],
  ["65535 < local.port", "ERR_FILTER_RANGE", "65535", "never more than 65535"],
  ["remote.port < 0", "ERR_FILTER_RANGE", "0", "remote.port is 0 to 65535, never less than 0"],
  ["size < 0", "ERR_FILTER_RANGE", "0", "never less than 0"],
  ["0 > process.pid", "ERR_FILTER_RANGE", "0", "never less than 0"],
  ["payload.size() > 65536", "ERR_FILTER_RANGE", "65536", "never more than 65536"],
  ["process.name.size() < 0", "ERR_FILTER_RANGE", "0", "never less than 0"],
  ["offset > 9007199254740991", "ERR_FILTER_RANGE", "9007199254740991", "never more than"],
  ["-1 < size", "ERR_FILTER_RANGE", "-1", "size is 0 to"],
  ["process.pid in [1, 4294967296]", "ERR_FILTER_RANGE", "4294967296", "process.pid is 0 to 4294967295"],
  ["payload.size() > 65537", "ERR_FILTER_RANGE", "65537", "payload.size() is 0 to 65536"],
  ["size + 9223372036854775808 > 1", "ERR_FILTER_RANGE", "9223372036854775808", "an int is"],
  ["size * offset > 1", "ERR_FILTER_RANGE", "size * offset", "leave the 64 bits"],
  ["size / offset > 1", "ERR_FILTER_RANGE", "offset", "can be 0"],
  ["size % 0 == 1", "ERR_FILTER_RANGE", "0", "can be 0"],
  ["port(65536)", "ERR_FILTER_RANGE", "65536", "a port is 0 to 65535"],
  ['direction == "egres"', "ERR_FILTER_VALUE", '"egres"', 'did you mean "egress"?'],
  ['direction == "out"', "ERR_FILTER_VALUE", '"out"', "one of egress, ingress"],
  ['type == ""', "ERR_FILTER_VALUE", '""', "one of open, data, close, gap"],
  ['syscall in ["read", "sendtoo"]', "ERR_FILTER_VALUE", '"sendtoo"', 'did you mean "sendto"?'],
  [
    'process.name == "containerd-shim-runc"',
    "ERR_FILTER_VALUE",
    '"containerd-shim-runc"',
    'write "containerd-shim"',
  ],
  ['connection.id == "8F3C"', "ERR_FILTER_VALUE", '"8F3C"', "16 hexadecimal digits"],
  ['remote.address == "localhost"', "ERR_FILTER_ADDRESS", '"localhost"', "such as 192.0.2.1"],
  ['remote.address == "10.0.0.0/8"', "ERR_FILTER_ADDRESS", '"10.0.0.0/8"', 'remote.address.in("10.0.0.0/8")'],
  ['remote.address == "0:0::1"', "ERR_FILTER_ADDRESS", '"0:0::1"', '"::1"'],
  ['remote.address in ["::ffff:1.2.3.4"]', "ERR_FILTER_ADDRESS", '"::ffff:1.2.3.4"', '"1.2.3.4"'],
  ['net("10.0.0.1/8")', "ERR_FILTER_ADDRESS", '"10.0.0.1/8"', 'write "10.0.0.0/8"'],
  ['net("10.0.0.0/33")', "ERR_FILTER_ADDRESS", '"10.0.0.0/33"', "/0 to /32"],
  ['host("10")', "ERR_FILTER_ADDRESS", '"10"', "no address or network"],
  ['host("fe80::1%eth0")', "ERR_FILTER_ADDRESS", '"fe80::1%eth0"', "no address or network"],
  ['payload.matches("(")', "ERR_FILTER_PATTERN", '"("', "missing closing )"],
  ['payload.matches("é")', "ERR_FILTER_PATTERN", '"é"', "ASCII"],
  ["has(remote.port)", "ERR_FILTER_UNSUPPORTED", "has", 'compare with ""'],
  ["[1].exists(x, x == 1)", "ERR_FILTER_UNSUPPORTED", ".", "macro"],
  ["{1: 2} == {1: 2}", "ERR_FILTER_UNSUPPORTED", "{1: 2}", "map"],
  ["payload[0] == 1", "ERR_FILTER_UNSUPPORTED", "payload[0]", "by index"],
  ["(size == 1 && true).x == 1", "ERR_FILTER_UNSUPPORTED", "(size == 1 && true).x", "no members"],
  ['container.id == "x"', "ERR_FILTER_UNAVAILABLE", "container.id", "not known here"],
  ['pod.labels["app"] == "x"', "ERR_FILTER_UNAVAILABLE", "pod.labels", "not known here"],
  ["", "ERR_FILTER_SYNTAX", "", "there is no expression"],
  ["// all", "ERR_FILTER_SYNTAX", "// all", "there is no expression"],
  ["remote.port = 80", "ERR_FILTER_SYNTAX", "=", 'write "=="'],
  ["true and false", "ERR_FILTER_SYNTAX", "and", 'write "&&"'],
  ["not true", "ERR_FILTER_SYNTAX", "not", 'write "!"'],
  ["true & true", "ERR_FILTER_SYNTAX", "&", 'write "&&"'],
  ["remote.port ==", "ERR_FILTER_SYNTAX", "==", 'something is missing behind "=="'],
  ["true && )", "ERR_FILTER_SYNTAX", ")", "would close"],
  ["(true", "ERR_FILTER_SYNTAX", "(", "never closed"],
  ["[1)", "ERR_FILTER_SYNTAX", ")", "would close"],
  ['syscall == "read', "ERR_FILTER_SYNTAX", '"', "has no end"],
  ['syscall == "\\0"', "ERR_FILTER_SYNTAX", "\\0", "as in \\x00"],
  ['syscall == "\\d"', "ERR_FILTER_SYNTAX", "\\d", 'write "\\\\" for a backslash'],
  ["true true", "ERR_FILTER_SYNTAX", "true", "does not belong here"],
  ["while == 1", "ERR_FILTER_SYNTAX", "while", "reserved"],
  ['syscall == "\\ud800"', "ERR_FILTER_SYNTAX", "syscall", "surrogate"],
  ["(".repeat(101), "ERR_FILTER_LIMIT", "(", "more than 100 brackets"],
  [`size == 1${" + 1".repeat(200)}`, "ERR_FILTER_LIMIT", "+", "flatter"],
])("%s is %s", (text, code, at, words) => {
  const error = errorOf(text);
  expect(error).toMatchObject({ code, at });
  expect(error.message).toContain(`${code}: column`);
  expect(error.message).toContain(words);
});

test.each([
  "remote.port <= 65535 && remote.port >= 65535",
  "0 <= remote.port && remote.port <= 0",
  "remote.port < 1 || remote.port > 65534",
  "remote.port < local.port",
  "payload.size() > 65535 || -size < 0",
])("%s can hold", (text) => {
  expect(compile(text).text).toBe(text);
});

test("a message shows the line and underlines the place", () => {
  expect(errorOf('type == "data" &&\n  remote.prot == 80 // why\n && true').message).toBe(
    'ERR_FILTER_NAME: line 2, column 3: there is no "remote.prot"; did you mean "remote.port"?\n' +
      "    remote.prot == 80 // why\n" +
      "    ^^^^^^^^^^^",
  );
});

test("a message shows no more than a window of a long line, and no control characters", () => {
  const [, line = "", carets = ""] = errorOf(`${"true && ".repeat(100)}a\u001b b == 1`).message.split("\n");
  expect(line.length).toBeLessThan(110);
  expect(line).not.toMatch(/\p{Cc}/u);
  expect(line.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1)).toBe(" ");
});

test("in is a method where it is called as one, and text where it is text", () => {
  const { kernel } = compile('remote.address . in ( "10.0.0.0/8" ) && process.name == ".in(" // .in(');
  expect(kernel).toMatchObject({
    op: "and",
    operands: [
      { op: "inNetworks", side: "remote", span: { from: 0, to: 36 } },
      { op: "text", value: Buffer.from(".in(") },
    ],
  });
});
