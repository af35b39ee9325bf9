import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseConfig } from "./config-file.ts";
import { CONFIG_SCHEMAS } from "./config-schema.ts";
import { readCollectCommand, readTapCommand } from "./configured-command.ts";
import { COLLECT_FLAGS } from "./collect-options.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { readEnvironment, variableOf } from "./settings.ts";
import { TAP_FLAGS } from "./tap-options.ts";
import { UsageError } from "./usage-error.ts";

function file(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "config-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, "tap.yaml");
  writeFileSync(path, text);
  return path;
}

async function errorOf(args: readonly string[], environment: Record<string, string> = {}): Promise<Error> {
  try {
    await readTapCommand(args, environment);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error(`${args.join(" ")} is accepted`);
}

describe("a file", () => {
  test("has the flags as members", () => {
    const text = "# what to keep\nsnaplen: 4096\nbuffer-size: 1M\njson: true\nno-containers: false\n";
    const config = parseConfig("tap.yaml", text, TAP_FLAGS);
    expect(config.values).toEqual({
      snaplen: "4096",
      "buffer-size": "1M",
      json: true,
      "no-containers": false,
    });
    expect(config.placeOf("buffer-size")).toBe("tap.yaml:3:14");
  });

  test("has a list where a flag may be repeated", async () => {
    const path = file("redact: none\nredact-header: [X-A, 'x-b,x-c']\nredact-pattern:\n  - a+\n  - 42\n");
    expect((await readTapCommand(["--config", path], {})).redact).toEqual({
      headers: ["X-A", "x-b", "x-c"],
      patterns: [/a+/g, /42/g],
    });
    const again = file("redact-pattern: [&a 'x+', *a]\n");
    expect((await readTapCommand(["--config", again], {})).redact?.patterns).toEqual([/x+/g, /x+/g]);
    const error = await errorOf(["--config", file("redact-pattern: ['a', '(']\n")]);
    expect(error.message).toContain(":1:17: redact-pattern: --redact-pattern: ");
  });

  test("has numbers as they are written, and what an alias stands for", () => {
    const text = "spool: 12345678901234567890\nsnaplen: &size 0010\nbuffer-size: *size\nexport: 1e3\n";
    expect(parseConfig("tap.yaml", text, TAP_FLAGS).values).toEqual({
      ...{ spool: "12345678901234567890", snaplen: "0010", "buffer-size": "0010", export: "1e3" },
    });
  });

  test("with a tag that is not known is wrong, there", async () => {
    const error = await errorOf(["--config", file("json: true\nsnaplen: !size 64k\n")]);
    expect(error.message).toMatch(/tap\.yaml:2:10: Unresolved tag: !size/);
  });

  test.each(["", "# nothing\n", "---\n"])("%j says nothing", (text) => {
    expect(parseConfig("tap.yaml", text, TAP_FLAGS).values).toEqual({});
  });

  test.each([
    ["json: true\nsnaplan: 5\n", "tap.yaml:2:1: there is no setting 'snaplan'; there are attach,"],
    ["config: other.yaml\n", "tap.yaml:1:1: there is no setting 'config'"],
    ["help: true\n", "tap.yaml:1:1: there is no setting 'help'"],
    ["toString: true\n", "tap.yaml:1:1: there is no setting 'toString'"],
    ["json: yes please\n", "tap.yaml:1:7: json takes true or false"],
    ["duration: [5s]\n", "tap.yaml:1:11: duration takes a text or a number (TIME)"],
    ["redact-pattern: []\n", "tap.yaml:1:17: redact-pattern takes a list of at least one"],
    ["redact-pattern: [a, [b]]\n", "tap.yaml:1:21: redact-pattern takes a text or a number (REGEX)"],
    ["snaplen:\njson: true\n", "tap.yaml:1:"],
    ["snaplen: ''\n", "tap.yaml:1:10: snaplen takes a text or a number (BYTES)"],
    ["snaplen: true\n", "tap.yaml:1:10: snaplen takes a text or a number"],
    ["- json\n", "tap.yaml:1:1: settings are wanted"],
    ["json\n", "tap.yaml:1:1: settings are wanted"],
    ["json: true\njson: false\n", "tap.yaml:2:1: Map keys must be unique"],
    ["json: true\n  snaplen: 5\n", "tap.yaml:"],
    ["json: 'true\n", "tap.yaml:"],
    ["? [a]\n: b\n", "tap.yaml:1:3: there is no setting"],
  ])("%j is wrong, and where", (text, message) => {
    expect(() => parseConfig("tap.yaml", text, TAP_FLAGS)).toThrow(UsageError);
    expect(() => parseConfig("tap.yaml", text, TAP_FLAGS)).toThrow(message);
  });

  test("like that of the README is one", async () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    const [, text = ""] = /^```yaml\n([^]*?)^```$/m.exec(readme) ?? [];
    expect(await readTapCommand(["--config", file(text)], {})).toMatchObject({
      json: true,
      attribution: { kubernetes: "on" },
      options: { snaplen: 4096, bufferSize: 16 * 1024 * 1024 },
    });
  });

  test("that cannot be read is wrong usage", async () => {
    const error = await errorOf(["--config", "/nowhere.yaml"]);
    expect(error.message).toContain("cannot read the configuration: ENOENT");
    expect(exitCodeOf(error)).toBe(EXIT.usage);
  });

  test("with a value that makes no sense says where", async () => {
    const path = file("json: true\nsnaplen: many\n");
    const error = await errorOf(["--config", path]);
    expect(error.message).toContain(`${path}:2:10: snaplen: --snaplen takes a number of bytes`);
    expect(exitCodeOf(error)).toBe(EXIT.usage);
  });

  test("of settings that do not go together says where one of them is", async () => {
    const off = await errorOf(["--config", file("json: true\nkubernetes: 'off'\nkubernetes-remote: true\n")]);
    expect(off.message).toMatch(/tap\.yaml:[23]:\d+: kubernetes/);
  });

  test("is not blamed for what a flag says", async () => {
    const error = await errorOf(["--config", file("json: true\nsnaplen: 5\n"), "--snaplen", "many"]);
    expect(error.message).toMatch(/^--snaplen takes a number of bytes/);
  });

  test("cannot have what this version lacks, either", async () => {
    const error = await errorOf(["--config", file("write: x.pcapng\n")]);
    expect(error.message).toContain(":1:8: write: --write is not in this version");
    expect(exitCodeOf(error)).toBe(EXIT.notSupported);
  });
});

describe("of collect", () => {
  test("is read as that of tap", async () => {
    const path = file("listen: 127.0.0.1:7\nmax-rate: 1M\njson: true\n");
    expect(await readCollectCommand(["--config", path], { TCPTRACKER_LISTEN: "127.0.0.1:8" })).toMatchObject({
      json: true,
      listen: { host: "127.0.0.1", port: 8 },
      limits: { bytesPerSecond: 1024 ** 2 },
      config: path,
    });
  });

  test("says where it is wrong", async () => {
    const [unknown, small] = [file("json: true\nsnaplen: 5\n"), file("max-message-size: 5\n")];
    await expect(readCollectCommand(["--config", unknown], {})).rejects.toThrow(
      `${unknown}:2:1: there is no setting 'snaplen'; there are listen, `,
    );
    await expect(readCollectCommand(["--config", small], {})).rejects.toThrow(
      `${small}:1:19: max-message-size: --max-message-size takes 1M to 64M`,
    );
  });
});

describe("precedence", () => {
  test("is flags, then the environment, then the file", async () => {
    const path = file("snaplen: 1\nbuffer-size: 1M\nduration: 1s\njson: true\n");
    const environment = { TCPTRACKER_SNAPLEN: "2", TCPTRACKER_DURATION: "2s", TCPTRACKER_JSON: "false" };
    const command = await readTapCommand(["--config", path, "--snaplen", "3"], environment);
    expect(command).toMatchObject({
      json: false,
      duration: 2000,
      options: { snaplen: 3, bufferSize: 1048576 },
    });
  });

  test("a flag undoes a switch of the file", async () => {
    const path = file("json: true\nno-containers: true\n");
    expect((await readTapCommand(["--config", path, "--no-json"], {})).json).toBe(false);
  });

  test("a variable that makes no sense is named", async () => {
    const error = await errorOf([], { TCPTRACKER_SNAPLEN: "64q" });
    expect(error.message).toMatch(/^TCPTRACKER_SNAPLEN: --snaplen takes a number of bytes/);
    expect(exitCodeOf(error)).toBe(EXIT.usage);
    const other = await errorOf(["--snaplen", "65q"], { TCPTRACKER_SNAPLEN: "64q" });
    expect(other.message).toMatch(/^--snaplen takes .*65q/);
  });

  test("the environment may name the file, and a flag another one", async () => {
    const [first, second] = [file("snaplen: 1\n"), file("snaplen: 2\n")];
    const environment = { TCPTRACKER_CONFIG: first };
    expect((await readTapCommand([], environment)).options.snaplen).toBe(1);
    expect((await readTapCommand(["--config", second], environment)).options.snaplen).toBe(2);
  });

  test("help needs no configuration that is right", async () => {
    expect((await readTapCommand(["--help", "--config", "/nowhere.yaml"], {})).help).toBe(true);
  });
});

describe("the environment", () => {
  test.each([
    [{ TCPTRACKER_BUFFER_SIZE: "1M" }, { "buffer-size": "1M" }],
    [
      { TCPTRACKER_JSON: "1", TCPTRACKER_NO_CONTAINERS: "false" },
      { json: true, "no-containers": false },
    ],
    [{ TCPTRACKER_SNAPLEN: "", TCPTRACKER_HELP: "true" }, {}],
    // Kubernetes sets these for a service called tcptracker.
    [{ TCPTRACKER_PORT: "tcp://10.0.0.1:4319", TCPTRACKER_SERVICE_HOST: "10.0.0.1" }, {}],
  ])("%j", (environment, values) => {
    expect(readEnvironment(TAP_FLAGS, environment)).toEqual(values);
  });

  test("has switches that are on or off", async () => {
    const error = await errorOf([], { TCPTRACKER_JSON: "maybe" });
    expect(error.message).toBe("TCPTRACKER_JSON takes true or false, not 'maybe'");
  });

  test.each([TAP_FLAGS, COLLECT_FLAGS])(
    "has a variable for every flag, unlike that of any other",
    (flags) => {
      const variables = Object.keys(flags).map(variableOf);
      expect(new Set(variables).size).toBe(variables.length);
      for (const variable of variables) expect(variable).toMatch(/^TCPTRACKER_[A-Z_]+$/);
    },
  );
});

describe("the schema", () => {
  const shipped = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), "utf8"));

  test.each(Object.entries(CONFIG_SCHEMAS))(
    "%s is that of the flags; if not, run generate-schema.ts",
    (name, schema) => {
      expect(shipped(name)).toEqual(schema);
    },
  );

  test("has every setting of a file, with the same type", () => {
    const { properties } = shipped("config.schema.json") as {
      properties: Record<string, { type?: string | string[]; enum?: string[] }>;
    };
    for (const [name, { type, enum: choices }] of Object.entries(properties)) {
      const value = type === "boolean" ? "true" : (choices?.[0] ?? "1");
      expect(parseConfig("f", `${name}: ${value}\n`, TAP_FLAGS).values).toHaveProperty(name);
      if (choices !== undefined)
        for (const choice of choices)
          expect(() => parseConfig("f", `${name}: ${choice}`, TAP_FLAGS)).not.toThrow();
    }
    const flags = Object.keys(TAP_FLAGS).filter((name) => TAP_FLAGS[name]?.planned !== true);
    expect(Object.keys(properties).toSorted()).toEqual(
      flags.filter((name) => name !== "help" && name !== "config").toSorted(),
    );
  });
});
