import { expect, test } from "vitest";
import { parseOptions, UsageError } from "./options.ts";

test("has defaults that need no configuration", () => {
  expect(parseOptions([], {})).toEqual({ port: 0, host: "127.0.0.1", ipv6: false });
});

test("reads the environment, and the command line wins", () => {
  const env = { DEMO_PORT: "8080", DEMO_HOST: "0.0.0.0", DEMO_IPV6: "1" };
  expect(parseOptions([], env)).toEqual({ port: 8080, host: "0.0.0.0", ipv6: true });
  expect(parseOptions(["--port", "9090", "--host=127.0.0.2"], env)).toEqual({
    port: 9090,
    host: "127.0.0.2",
    ipv6: true,
  });
});

test("an empty variable is as good as none", () => {
  expect(parseOptions([], { DEMO_PORT: "", DEMO_HOST: "", DEMO_IPV6: "" })).toEqual(parseOptions([], {}));
});

test("knows --help", () => {
  expect(parseOptions(["--help"], {})).toBe("help");
});

test.each([
  [["--port", "65536"], {}, "65535"],
  [["--port", "http"], {}, '"http"'],
  [["--host", "localhost"], {}, '"localhost"'],
  [["--colour"], {}, "--colour"],
  [["extra"], {}, "extra"],
  [[], { DEMO_IPV6: "maybe" }, "DEMO_IPV6"],
])("refuses %j with %j and says why", (argv, env, part) => {
  expect(() => parseOptions(argv, env)).toThrow(UsageError);
  expect(() => parseOptions(argv, env)).toThrow(part);
});
