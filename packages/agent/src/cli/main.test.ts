import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { main } from "./main.ts";

let stdout = "";
let stderr = "";

beforeEach(() => {
  [stdout, stderr] = ["", ""];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

test.each(["--help", "-h", "help"])("%s prints the commands on standard output", async (flag) => {
  expect(await main([flag])).toBe(0);
  expect(stdout).toContain("tcptracker tap [options]");
  expect(stdout).toContain("tcptracker doctor [--json]");
  expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted, 4 not supported");
  expect(stderr).toBe("");
});

test.each(["--help", "-h"])("tap %s prints the options on standard output", async (flag) => {
  expect(await main(["tap", flag])).toBe(0);
  expect(stdout).toContain("--snaplen BYTES");
  expect(stderr).toBe("");
});

test.each(["--help", "-h"])("doctor %s prints the options on standard output", async (flag) => {
  expect(await main(["doctor", flag])).toBe(0);
  expect(stdout).toContain("--quick");
  expect(stdout.split("\n").filter((line) => line.length > 120)).toEqual([]);
  expect(stderr).toBe("");
});

test.each(["--help", "-h"])("collect %s prints the options on standard output", async (flag) => {
  expect(await main(["collect", flag])).toBe(0);
  expect(stdout).toContain("--listen HOST:PORT");
  expect(stdout.split("\n").filter((line) => line.length > 132)).toEqual([]);
  expect(stderr).toBe("");
});

test.each(["--version", "-V"])("%s prints the version of the package", async (flag) => {
  const packageJson = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(packageJson, "utf8")) as { version: string };
  expect(await main([flag])).toBe(0);
  expect(stdout).toBe(`${version}\n`);
  expect(stderr).toBe("");
});

test("the version may come from elsewhere", async () => {
  const packageJson = new URL(`data:application/json,{}`);
  expect(await main(["--version"], packageJson)).toBe(1);
  expect(stdout).toBe("");
});

test.each([
  [[], "a command is missing"],
  [["nonsense"], "there is no command 'nonsense'"],
  [["--nonsense"], "there is no command '--nonsense'"],
  [["tap", "--nonsense"], "'--nonsense'"],
  [["tap", "--filter", "remote.prt == 1"], 'column 1: there is no "remote.prt"; did you mean "remote.port"?'],
  [["explain", "size >"], "ERR_FILTER_SYNTAX"],
  [["explain"], "explain takes a filter"],
  [["explain", "port(1)", "&&", "port(2)"], "explain takes one filter"],
  [["explain", "--snaplen", "65M", "port(1)"], "--snaplen takes 0 to 64M"],
  [["doctor", "--nonsense"], "'--nonsense'"],
  [["collect", "--nonsense"], "'--nonsense'"],
  [["collect", "--listen", "4319"], "'4319' is not HOST:PORT"],
  [["collect", "--listen", "0.0.0.0:0"], "ERR_EXPORT_PLAINTEXT"],
  [["collect", "--tls-ca", "x"], "TLS needs a certificate"],
  [["collect", "--max-message-size", "1k"], "--max-message-size takes 1M to 64M"],
  [["collect", "--max-message-size", "1023k"], "--max-message-size takes 1M to 64M"],
  [["collect", "--max-message-size", "65M"], "--max-message-size takes 1M to 64M, not '65M'"],
  [["tap", "--insecure"], "--insecure makes no sense without --export"],
  [["tap", "--export", "nowhere"], "'nowhere' is not HOST:PORT"],
  [["tap", "--export", "127.0.0.1:1", "--spool-size", "1G"], "--spool-size makes no sense without --spool"],
  [["tap", "--export", "127.0.0.1:1", "--insecure", "--tls-ca", "x"], "ERR_EXPORT_OPTION"],
  [["tap", "--export", "192.0.2.1:1", "--insecure", "--export-token-file", "x"], "ERR_EXPORT_PLAINTEXT"],
  [["doctor", "more"], "'more'"],
  [["tap", "--snaplen", "65M"], "--snaplen takes 0 to 64M"],
])("%j is wrong usage", async (args, message) => {
  expect(await main(args)).toBe(2);
  expect(stderr).toMatch(/^tcptracker: /);
  expect(stderr).toContain(message);
  expect(stdout).toBe("");
});

test("a planned flag of collect ends with 4", async () => {
  expect(await main(["collect", "-w", "x"])).toBe(4);
  expect(stderr).toContain("--write is not in this version");
});

test("a planned flag of tap ends with 4 before anything is loaded", async () => {
  expect(await main(["tap", "--write", "x"])).toBe(4);
  expect(stderr).toContain("--write is not in this version");
});

test("only wrong usage points at the help", async () => {
  await main(["tap", "--nonsense"]);
  expect(stderr).toContain("tcptracker tap --help");
  stderr = "";
  await main(["tap", "--write", "x"]);
  expect(stderr).not.toContain("--help");
});
