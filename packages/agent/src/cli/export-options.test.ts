import { expect, test } from "vitest";
import { COLLECT_FLAGS, collectHelpText, parseCollectCommand } from "./collect-options.ts";
import { parseTapCommand } from "./tap-options.ts";

const target = { host: "collector.example", port: 4319 };

test.each([
  [[], { target }],
  [["--insecure"], { target, insecure: true }],
  [["--tls-ca", "ca.pem"], { target, tls: { ca: "ca.pem" } }],
  [["--tls-cert", "c", "--tls-key", "k"], { target, tls: { cert: "c", key: "k" } }],
  [["--export-token-file", "t"], { target, tokenFile: "t" }],
  [["--spool", "/s", "--spool-size", "2M"], { target, spool: "/s", spoolBytes: 2097152 }],
])("tap --export %j", (args, expected) => {
  expect(parseTapCommand(["--export", "collector.example:4319", ...args]).export).toEqual(expected);
});

test("without --export there is none", () => {
  expect(parseTapCommand([])).not.toHaveProperty("export");
});

test("collect listens on loopback unless told otherwise", () => {
  expect(parseCollectCommand([])).toEqual({
    ...{ help: false, json: false, limits: {} },
    listen: { host: "127.0.0.1", port: 4319 },
  });
});

test.each([
  [["--listen", "[::]:1"], { listen: { host: "::", port: 1 } }],
  [["--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"], { tls: { cert: "c", key: "k", ca: "a" } }],
  [["--token-file", "t", "--insecure"], { tokenFile: "t", insecure: true }],
  [["--output", "f", "--json", "--duration", "2s"], { output: "f", json: true, duration: 2000 }],
  [
    [
      "--max-connections",
      "9",
      "--max-connections-per-peer",
      "3",
      "--max-message-size",
      "2M",
      "--max-rate",
      "64k",
    ],
    { limits: { connections: 9, connectionsPerPeer: 3, messageBytes: 2097152, bytesPerSecond: 65536 } },
  ],
])("collect %j", (args, expected) => {
  expect(parseCollectCommand(args)).toMatchObject(expected);
});

test("the help names every flag once", () => {
  const lines = collectHelpText().split("\n");
  for (const [name, { short }] of Object.entries(COLLECT_FLAGS)) {
    const head = short === undefined ? `      --${name}` : `  -${short}, --${name}`;
    expect(lines.filter((line) => line === head || line.startsWith(`${head} `))).toHaveLength(1);
  }
});
