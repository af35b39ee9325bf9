import { expect, test } from "vitest";
import { SECRET_HEADERS } from "../redact/header-scanner.ts";
import { parseCollectCommand } from "./collect-options.ts";
import { parseExplainCommand } from "./explain-command.ts";
import { parseTapCommand } from "./tap-options.ts";
import { UsageError } from "./usage-error.ts";

test.each([
  [["--redact", "none"], { headers: [], patterns: [] }],
  [["--redact", "headers"], { headers: SECRET_HEADERS, patterns: [] }],
  [["--redact-header", "X-A, x-b"], { headers: [...SECRET_HEADERS, "X-A", "x-b"], patterns: [] }],
  [["--redact", "none", "--redact-pattern", "\\d{4}"], { headers: [], patterns: [/\d{4}/g] }],
  [
    [
      "--redact-header",
      "X-A",
      "--redact-pattern",
      "a",
      "--redact-header",
      "x-b,x-c",
      "--redact-pattern",
      "b",
    ],
    { headers: [...SECRET_HEADERS, "X-A", "x-b", "x-c"], patterns: [/a/g, /b/g] },
  ],
])("%j", (args, expected) => {
  expect(parseTapCommand(args).redact).toEqual(expected);
});

test("nothing is said about the default", () => {
  expect(parseTapCommand([])).not.toHaveProperty("redact");
});

test.each([
  [["--redact", "all"], "--redact takes headers or none"],
  [["--redact-header", "a b"], "'a b' is none"],
  [["--redact-header", ""], "'' is none"],
  [["--redact-header", "x-a", "--redact-header", "a b"], "'a b' is none"],
  [["--redact", "none", "--redact", "headers"], "--redact is given 2 times"],
  [["--redact-pattern", "("], "--redact-pattern: "],
])("%j makes no sense", (args, message) => {
  expect(() => parseTapCommand(args)).toThrow(UsageError);
  expect(() => parseTapCommand(args)).toThrow(message);
});

test("no other command takes the last one of several, either", () => {
  expect(() => parseCollectCommand(["--output", "a", "--output", "b"])).toThrow("--output is given 2 times");
  expect(() => parseExplainCommand(["-s", "1", "-s", "2", "pid == 1"])).toThrow("--snaplen is given 2 times");
});

test.each([
  ["9464", { host: "127.0.0.1", port: 9464 }],
  ["0.0.0.0:9464", { host: "0.0.0.0", port: 9464 }],
])("--metrics %s", (text, expected) => {
  expect(parseTapCommand(["--metrics", text]).metrics).toEqual(expected);
});
