import { expect, test } from "vitest";
import { compareAll } from "./match.ts";
import type { Piece, TappedEnd } from "./tapped.ts";
import type { WireConnection } from "./wire/connections.ts";

const CLIENT = { address: "::1", port: 40000 };
const SERVER = { address: "::1", port: 80 };

function wire(toServer: string, toClient: string, more: Partial<WireConnection> = {}): WireConnection {
  const bytes = (text: string) => ({ bytes: Buffer.from(text), missing: 0, conflicting: 0 });
  const ends = { client: CLIENT, server: SERVER, reset: false };
  return { stream: 0, ...ends, toServer: bytes(toServer), toClient: bytes(toClient), ...more };
}

function pieces(text: string): Piece[] {
  return text === "" ? [] : [{ offset: 0, bytes: Buffer.from(text) }];
}

function end(side: "client" | "server", egress: string, ingress: string): TappedEnd {
  const [local, remote] = side === "client" ? [CLIENT, SERVER] : [SERVER, CLIENT];
  const rest = { id: "1", process: `${side}[1]`, joined: "start", closed: true };
  return { ...rest, local, remote, egress: pieces(egress), ingress: pieces(ingress) };
}

test("both ends of a connection are compared, each in both directions", () => {
  const both = [end("client", "ask", "answer"), end("server", "answer", "ask")];
  expect(compareAll([wire("ask", "answer")], both)).toMatchObject({
    connections: 1,
    wireBytes: 9,
    identical: 18,
    findings: [],
  });
});

test("a finding says where it is", () => {
  const both = [end("client", "ask", "answer"), end("server", "answer", "asl")];
  expect(compareAll([wire("ask", "answer")], both).findings).toEqual([
    {
      connection: "[::1]:40000 - [::1]:80",
      end: "server server[1]",
      direction: "ingress",
      offset: 2,
      size: 1,
      what: "tap 6c, wire 6b",
    },
  ]);
});

test("connections with the same ports are told apart by their order", () => {
  const ends = [
    end("client", "one", ""),
    end("server", "", "one"),
    end("server", "", "two"),
    end("client", "two", ""),
  ];
  expect(compareAll([wire("one", ""), wire("two", "")], ends)).toMatchObject({ identical: 12, findings: [] });
});

test("an end that the tap did not see is a difference", () => {
  const { findings } = compareAll([wire("ask", "answer")], [end("client", "ask", "answer")]);
  expect(findings).toMatchObject([
    { end: "server (not seen)", direction: "egress", size: 6 },
    { end: "server (not seen)", direction: "ingress", size: 3 },
  ]);
});

test("a connection that no process accepted has one end, and unread bytes", () => {
  const compared = compareAll([wire("ask", "", { reset: true })], [end("client", "ask", "")]);
  expect(compared).toMatchObject({ identical: 3, unread: 3, findings: [] });
});

test("an end without a connection is a difference, unless it moved nothing", () => {
  expect(compareAll([], [end("client", "", "")]).findings).toEqual([]);
  expect(compareAll([], [end("client", "ask", "answer")]).findings).toMatchObject([
    { direction: "both", size: 9 },
  ]);
});

test("faults of the capture are counted", () => {
  const torn = { bytes: Buffer.from("ask"), missing: 2, conflicting: 1 };
  expect(compareAll([wire("", "", { toServer: torn })], []).captureFaults).toBe(3);
});
