import { ExportError } from "@tcptracker/grpc-exporter";
import { expect, test } from "vitest";
import { CollectorNarrator, describeListening } from "./describe.ts";

test("refusals are told one by one, then only counted, until some time has passed", () => {
  const said: string[] = [];
  const narrator = new CollectorNarrator((text) => said.push(text));
  const error = new ExportError("ERR_EXPORT_TIMEOUT", "nothing came");
  const refused = { type: "refused", peer: "192.0.2.1:1", error } as const;
  for (let index = 0; index < 30; index++) narrator.tell(refused, index);
  expect(said).toHaveLength(10);
  expect(said[0]).toBe("refused: ERR_EXPORT_TIMEOUT: nothing came");
  narrator.tell(refused, 20_000);
  expect(said.slice(10)).toEqual(["20 more were refused", "refused: ERR_EXPORT_TIMEOUT: nothing came"]);
});

test("streams that come and go are told only so often, too, and apart from refusals", () => {
  const said: string[] = [];
  const narrator = new CollectorNarrator((text) => said.push(text));
  for (let index = 0; index < 30; index++)
    narrator.tell({ type: "disconnected", peer: `192.0.2.1:${index}` }, index);
  expect(said).toHaveLength(10);
  const error = new ExportError("ERR_EXPORT_TIMEOUT", "nothing came");
  narrator.tell({ type: "refused", peer: "192.0.2.1:1", error }, 40);
  narrator.tell({ type: "disconnected", peer: "192.0.2.1:99" }, 20_000);
  expect(said.slice(10)).toEqual([
    "refused: ERR_EXPORT_TIMEOUT: nothing came",
    "20 more came or went",
    "192.0.2.1:99 has gone",
  ]);
});

test("what a peer says of itself cannot move the cursor, begin a line or fill the screen", () => {
  const said: string[] = [];
  const narrator = new CollectorNarrator((text) => said.push(text));
  const resource = {
    hostName: "\u001b[2Jnode\n\u202e",
    agentVersion: "1".repeat(100_000),
    kernelRelease: "6.1\u009b0m",
    architecture: "",
  };
  narrator.tell({ type: "connected", peer: "192.0.2.1:1", resource });
  narrator.tell({
    type: "refused",
    peer: "192.0.2.1:1",
    error: new ExportError("ERR_EXPORT_TLS", `\u001b]0;${"x".repeat(100_000)}`),
  });
  expect(said[0]).toBe(
    `192.0.2.1:1 exports: \\x1b[2Jnode\\x0a\\u{202e}, tcptracker ${"1".repeat(80)}..., Linux 6.1\\x9b0m`,
  );
  expect(said[1]).toMatch(/^refused: ERR_EXPORT_TLS: \\x1b\]0;x+\.\.\.$/);
  expect(said[1]?.length).toBeLessThan(600);
});

test.each([
  ["127.0.0.1", { tls: false, mutual: false, token: false }, /127.0.0.1:1 in plaintext \(loopback\); Ctrl-C/],
  ["192.0.2.1", { tls: false, mutual: false, token: true }, /in PLAINTEXT \(--insecure\).*; wants a token; /],
  [
    "::",
    { tls: true, mutual: true, token: true },
    /\[::\]:1 by TLS; wants client certificates and a token; /,
  ],
] as const)("on %s %j", (host, how, expected) => {
  expect(describeListening({ host, port: 1 }, how)).toMatch(expected);
});
