import { expect, test } from "vitest";
import { parseOptions, UsageError } from "./options.ts";

const url = "http://127.0.0.1:8080";

test("needs only a URL", () => {
  expect(parseOptions(["--url", url], {})).toEqual({ urls: [url], rate: 4, keepAlive: true });
});

test("reads every option", () => {
  const argv = `--url ${url} --url http://[::1]:80 --rate 0.5 --duration 1.5s --requests 7 --no-keep-alive --wait 2m`;
  expect(parseOptions(argv.split(" "), {})).toEqual({
    urls: [url, "http://[::1]:80"],
    rate: 0.5,
    durationMs: 1500,
    requests: 7,
    keepAlive: false,
    startTimeoutMs: 120_000,
  });
});

test("reads the environment, and the command line wins", () => {
  const env = {
    DEMO_URL: "http://a:1,http://b:2",
    DEMO_RATE: "9",
    DEMO_DURATION: "10ms",
    DEMO_REQUESTS: "3",
    DEMO_KEEP_ALIVE: "0",
    DEMO_WAIT: "1s",
  };
  const fromEnv = parseOptions([], env);
  expect(fromEnv).toEqual({
    urls: ["http://a:1", "http://b:2"],
    rate: 9,
    durationMs: 10,
    requests: 3,
    keepAlive: false,
    startTimeoutMs: 1000,
  });
  expect(parseOptions(["--url", url, "--keep-alive", "--rate=1"], env)).toEqual({
    ...(fromEnv as object),
    urls: [url],
    rate: 1,
    keepAlive: true,
  });
});

test("an empty variable is as good as none", () => {
  const env = {
    DEMO_URL: url,
    DEMO_RATE: "",
    DEMO_DURATION: "",
    DEMO_REQUESTS: "",
    DEMO_KEEP_ALIVE: "",
    DEMO_WAIT: "",
  };
  expect(parseOptions([], env)).toEqual(parseOptions(["--url", url], {}));
});

test("knows --help", () => {
  expect(parseOptions(["--help"], {})).toBe("help");
});

test.each([
  [[], {}, "--url is missing"],
  [["--url", "ftp://x"], {}, '"ftp://x"'],
  [["--url", "nothing"], {}, '"nothing"'],
  [["--url", url, "--rate", "0"], {}, "--rate"],
  [["--url", url, "--rate", "fast"], {}, '"fast"'],
  [["--url", url, "--duration", "5"], {}, "5s"],
  [["--url", url, "--duration", "0s"], {}, '"0s"'],
  [["--url", url, "--duration", "9999h"], {}, "9999h"],
  [["--url", url, "--requests", "0"], {}, "--requests"],
  [["--url", url, "--colour"], {}, "--colour"],
  [["--url", url], { DEMO_KEEP_ALIVE: "maybe" }, "DEMO_KEEP_ALIVE"],
])("refuses %j with %j and says why", (argv, env, part) => {
  expect(() => parseOptions(argv, env)).toThrow(UsageError);
  expect(() => parseOptions(argv, env)).toThrow(part);
});
