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
