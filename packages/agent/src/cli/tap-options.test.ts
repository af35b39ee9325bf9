import { describe, expect, test } from "vitest";
import { TapError } from "../errors.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { tapHelpText } from "./help.ts";
import { parseTapCommand, TAP_FLAGS } from "./tap-options.ts";
import { UsageError } from "./usage-error.ts";

function errorOf(...args: string[]): Error {
  try {
    parseTapCommand(args);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error(`${args.join(" ")} is accepted`);
}

test("without flags nothing is set", () => {
  expect(parseTapCommand([])).toEqual({ help: false, json: false, attribution: {}, options: {} });
});

test.each([
  [["--attach", "tracepoint"], { options: { attach: "tracepoint" } }],
  [["--attach=fexit"], { options: { attach: "fexit" } }],
  [["--transport", "perfbuf"], { options: { transport: "perfbuf" } }],
  [["--snaplen", "0"], { options: { snaplen: 0 } }],
  [["-s", "64k"], { options: { snaplen: 65536 } }],
  [["--buffer-size", "1M"], { options: { bufferSize: 1048576 } }],
  [["-B262144"], { options: { bufferSize: 262144 } }],
  [["--max-connections", "10"], { options: { maxConnections: 10 } }],
  [["--duration", "1.5s"], { duration: 1500 }],
  [["--json"], { json: true }],
  [["--no-json"], {}],
  [["--no-containers"], { attribution: undefined }],
  [["--cgroup-root", "/h"], { attribution: { cgroupRoot: "/h" } }],
  [["--kubernetes", "off"], { attribution: { kubernetes: "off" } }],
  [["--kubeconfig", "/k", "--node-name", "n"], { attribution: { kubeconfig: "/k", nodeName: "n" } }],
  [["--runtime-socket", "/s"], { attribution: { runtimeSocket: "/s" } }],
  [["--help"], { help: true }],
  [["-h"], { help: true }],
])("%j", (args, expected) => {
  expect(parseTapCommand(args)).toEqual({
    help: false,
    json: false,
    attribution: {},
    options: {},
    ...expected,
  });
});

describe("makes no sense:", () => {
  test.each([
    [["--nonsense"], "--nonsense"],
    [["-x"], "-x"],
    [["eth0"], "eth0"],
    [["--snaplen"], "--snaplen"],
    [["--snaplen", "1", "--snaplen", "2"], "--snaplen is given 2 times"],
    [["--json=yes"], "--json"],
    [["--json", "--no-json"], "--json and --no-json are both given"],
    [["--no-help"], "--no-help"],
    [["--no-snaplen"], "--no-snaplen"],
    [["--attach", "magic"], "--attach takes one of auto, fexit, kprobe, tracepoint, not 'magic'"],
    [["--transport", ""], "--transport takes one of auto, ringbuf, perfbuf, not ''"],
    [["--snaplen", "many"], "--snaplen takes a number of bytes"],
    [["--buffer-size", "-1"], "--buffer-size"],
    [["--max-connections", "1.5"], "--max-connections takes a whole number"],
    [["--duration", "5"], "--duration takes a number with a unit"],
  ])("%j", (args, message) => {
    const error = errorOf(...args);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain(message);
    expect(exitCodeOf(error)).toBe(EXIT.usage);
  });
});

test.each([
  [["--snaplen", "65M"], "--snaplen takes 0 to 64M, not '65M'"],
  [["--buffer-size", "65535"], "--buffer-size takes 256k to 1G, not '65535'"],
  [["--buffer-size", "99999999999999999999g"], "--buffer-size takes 256k to 1G"],
  [["--max-connections", "0"], "--max-connections takes 1 to 16777216, not '0'"],
])("%j is out of range", (args, message) => {
  const error = errorOf(...args);
  expect(error).toBeInstanceOf(UsageError);
  expect(error.message).toContain(message);
  expect(exitCodeOf(error)).toBe(EXIT.usage);
});

describe("planned", () => {
  const planned = Object.entries(TAP_FLAGS).filter(([, flag]) => flag.planned);

  test("are the flags of the contract that are not built in", () => {
    expect(planned.map(([name]) => name).toSorted()).toEqual(["write"]);
  });

  test.each(planned)("--%s says so", (name, { type }) => {
    const error = errorOf(...(type === "string" ? [`--${name}`, "value"] : [`--${name}`]));
    expect(error).toBeInstanceOf(TapError);
    expect(error.message).toContain(`--${name} is not in this version`);
    expect(exitCodeOf(error)).toBe(EXIT.notSupported);
  });

  test("-w is one of them, and with --help they do not matter", () => {
    expect(exitCodeOf(errorOf("-w", "-"))).toBe(EXIT.notSupported);
    expect(parseTapCommand(["--write", "x", "--help"]).help).toBe(true);
  });
});

test("the help names every flag once, with its short form", () => {
  const lines = tapHelpText().split("\n");
  for (const [name, { short }] of Object.entries(TAP_FLAGS)) {
    const head = short === undefined ? `      --${name}` : `  -${short}, --${name}`;
    expect(lines.filter((line) => line === head || line.startsWith(`${head} `))).toHaveLength(1);
  }
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(132);
});
