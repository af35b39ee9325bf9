import { expect, test } from "vitest";
import { WireConnections } from "./connections.ts";
import type { WireSegment } from "./segment.ts";

const CLIENT = { address: "127.0.0.1", port: 40000 };
const SERVER = { address: "127.0.0.1", port: 80 };

type Flag = "syn" | "ack" | "fin" | "reset";

interface Sketch {
  readonly stream?: number;
  readonly flags: readonly Flag[];
  readonly sequence: number;
  readonly acknowledgment?: number;
  readonly payload?: string;
}

function segment(
  byClient: boolean,
  { stream = 0, flags, sequence, acknowledgment = 0, payload = "" }: Sketch,
) {
  const [source, destination] = byClient ? [CLIENT, SERVER] : [SERVER, CLIENT];
  const set = { syn: false, ack: false, fin: false, reset: false };
  for (const flag of flags) set[flag] = true;
  return { stream, source, destination, sequence, acknowledgment, ...set, payload: Buffer.from(payload) };
}

const fromClient = (sketch: Sketch): WireSegment => segment(true, sketch);
const fromServer = (sketch: Sketch): WireSegment => segment(false, sketch);

const HANDSHAKE = [
  fromClient({ flags: ["syn"], sequence: 100 }),
  fromServer({ flags: ["syn", "ack"], sequence: 500, acknowledgment: 101 }),
  fromClient({ flags: ["ack"], sequence: 101, acknowledgment: 501 }),
];

function read(segments: readonly WireSegment[]): unknown[] {
  const connections = new WireConnections();
  for (const each of segments) connections.add(each);
  return connections.finish().map(({ toServer, toClient, ...rest }) => ({
    ...rest,
    toServer: Buffer.from(toServer.bytes).toString(),
    toClient: Buffer.from(toClient.bytes).toString(),
    faults: toServer.missing + toServer.conflicting + toClient.missing + toClient.conflicting,
  }));
}

const USUAL = { stream: 0, client: CLIENT, server: SERVER, reset: false, faults: 0 };

test("a connection from its handshake to its end", () => {
  const segments = [
    ...HANDSHAKE,
    fromClient({ flags: ["ack"], sequence: 101, acknowledgment: 501, payload: "ask" }),
    fromServer({ flags: ["ack", "fin"], sequence: 501, acknowledgment: 104, payload: "answer" }),
    fromClient({ flags: ["ack", "fin"], sequence: 104, acknowledgment: 508 }),
    fromServer({ flags: ["ack"], sequence: 508, acknowledgment: 105 }),
  ];
  expect(read(segments)).toEqual([{ ...USUAL, toServer: "ask", toClient: "answer" }]);
});

test("a SYN may carry bytes", () => {
  const segments = [
    fromClient({ flags: ["syn"], sequence: 100, payload: "early" }),
    fromServer({ flags: ["syn", "ack"], sequence: 500, acknowledgment: 106 }),
  ];
  expect(read(segments)).toEqual([{ ...USUAL, toServer: "early", toClient: "" }]);
});

test("a handshake that comes again changes nothing", () => {
  const segments = [
    ...HANDSHAKE,
    ...HANDSHAKE,
    fromClient({ flags: ["ack"], sequence: 101, acknowledgment: 501, payload: "ask" }),
  ];
  expect(read(segments)).toEqual([{ ...USUAL, toServer: "ask", toClient: "" }]);
});

test("the numbers of a reset say nothing", () => {
  const segments = [
    ...HANDSHAKE,
    fromServer({ flags: ["reset", "ack"], sequence: 9999, acknowledgment: 8888 }),
  ];
  expect(read(segments)).toEqual([{ ...USUAL, reset: true, toServer: "", toClient: "" }]);
});

test("a connection that is older than the capture is left out", () => {
  expect(read(HANDSHAKE.slice(1))).toEqual([]);
  expect(read(HANDSHAKE.slice(2))).toEqual([]);
});

test("a connection that was refused is left out", () => {
  expect(read([...HANDSHAKE.slice(0, 1), fromServer({ flags: ["reset", "ack"], sequence: 0 })])).toEqual([]);
});

test("connections with the same ports, one after the other, are two", () => {
  const again = HANDSHAKE.map((each) => ({ ...each, stream: 1 }));
  expect(read([...HANDSHAKE, ...again])).toEqual([
    { ...USUAL, toServer: "", toClient: "" },
    { ...USUAL, stream: 1, toServer: "", toClient: "" },
  ]);
});
