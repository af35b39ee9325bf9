import { payloadBytes } from "./expected.ts";
import type { EndReport } from "./program.ts";

/** Why bytes can be in no data record although the tap lost nothing: they were never in user memory. */
export type ExpectedGapCause = "sendfile" | "splice" | "discarded";

/** A range that the tap must declare missing, counted from the first byte after it attached. */
export interface ExpectedGap {
  readonly offset: number;
  readonly size: number;
  readonly cause: ExpectedGapCause;
}

/** One direction of one end. */
export interface ExpectedDirection {
  /** Bytes that the end moves in all. */
  readonly total: number;
  /** Of these, bytes moved before the tap attaches: the tap sees `total - before`. */
  readonly before: number;
  readonly gaps: readonly ExpectedGap[];
  /** All `total` bytes in order, those in gaps included; absent where two threads make the order open. */
  readonly content?: () => Uint8Array;
}

/** One end of one connection. */
export interface ExpectedEnd {
  readonly egress: ExpectedDirection;
  readonly ingress: ExpectedDirection;
}

/** One connection of a scenario; `name` is the `scenario` of its report. */
export interface ExpectedConnection {
  readonly name: string;
  readonly client: ExpectedEnd;
  readonly server: ExpectedEnd;
}

/** One run of the traffic generator. */
export interface Scenario {
  /** Unique in the catalog, fit for a test's name. */
  readonly name: string;
  readonly args: readonly string[];
  /**
   * When to attach the tap: before the program connects (start it with the tap on), or at the program's sync point:
   * connected but no byte moved, in the middle of the stream, or while the server sits in its receiving call.
   */
  readonly attach: "before" | "connected" | "middle" | "blocked";
  /** The connections that the program reports one by one. */
  readonly connections: readonly ExpectedConnection[];
  /** Connections that are reported as one sum (churn), with this many bytes in each direction each. */
  readonly churn?: { readonly connections: number; readonly bytes: number };
  /** Most bytes that one call may move: above the tap's snap length, gaps with the cause `snaplen` are right. */
  readonly largestCall: number;
  /** Segments of each buffer: above what the tap walks, gaps with the cause `segments` are right. */
  readonly segments: number;
  /** Calls that must appear in the reports. */
  readonly calls: readonly string[];
  /** Bytes of the server's ingress moved by the call that was entered before the tap attached. */
  readonly blockedBytes?: number;
  /** Sums of the server's report that are not in `connections`. */
  readonly server?: Partial<Pick<EndReport, "peeked" | "discarded" | "urgent">>;
}

/** The seed that the program uses when it is not told another. */
export const SEED = 1;
/** Bytes moved both ways before the middle sync point. */
const HEAD = 1000;
const CALL_LIMIT = 131_072;

const sizes = [0, 1, 4095, 4096, 4097, 65_536, 1_048_576] as const;

/** A sending and a receiving call of the same shape. */
const pairs = [
  { send: "write", receive: "read", shape: "buffer" },
  { send: "sendto", receive: "recvfrom", shape: "buffer" },
  { send: "writev", receive: "readv", shape: "segments" },
  { send: "pwritev2", receive: "preadv2", shape: "segments" },
  { send: "sendmsg", receive: "recvmsg", shape: "segments" },
  { send: "sendmmsg", receive: "recvmmsg", shape: "segments" },
  { send: "sendfile", receive: "read", shape: "file" },
  { send: "splice", receive: "splice", shape: "kernel" },
] as const;
type Pair = (typeof pairs)[number];
const memoryPairs: readonly Pair[] = pairs.filter(({ shape }) => shape !== "kernel" && shape !== "file");
const flagPairs: readonly Pair[] = pairs.filter(({ receive }) => receive.startsWith("recv"));
const plain: Pair = pairs[0];

interface Details {
  readonly size?: number;
  readonly segments?: number;
  readonly callSize?: number;
  readonly options?: readonly string[];
  readonly attach?: Scenario["attach"];
  readonly calls?: readonly string[];
  readonly label?: string;
}

const nothing: ExpectedDirection = { total: 0, before: 0, gaps: [], content: () => new Uint8Array(0) };

function direction(seed: number, total: number, before: number, cause?: ExpectedGapCause): ExpectedDirection {
  const size = total - before;
  const gaps = cause === undefined || size === 0 ? [] : [{ offset: 0, size, cause }];
  return { total, before, gaps, content: () => payloadBytes(seed, total) };
}

/** A connection on which both ends send the whole stream with the pair's calls. */
function conversation(name: string, pair: Pair, size: number, before: number): ExpectedConnection {
  const sent = pair.shape === "kernel" ? pair.send : undefined;
  const taken = pair.receive === "splice" ? "splice" : undefined;
  return {
    name,
    client: {
      egress: direction(SEED, size, before, sent),
      ingress: direction(SEED + 1, size, before, taken),
    },
    server: {
      egress: direction(SEED + 1, size, before, sent),
      ingress: direction(SEED, size, before, taken),
    },
  };
}

function scenario(mode: string, pair: Pair, details: Details = {}): Scenario {
  const { size = 65_536, segments = 1, options = [], attach = "before", label = "" } = details;
  const callSize = details.callSize ?? CALL_LIMIT;
  const args = ["--mode", mode, "--send", pair.send, "--receive", pair.receive, "--size", String(size)];
  args.push("--segments", String(segments), "--call-size", String(callSize), ...options);
  return {
    name: [mode, pair.send, pair.receive, size, label].filter((part) => part !== "").join(" "),
    args,
    attach,
    connections: [conversation(mode, pair, size, attach === "middle" ? HEAD : 0)],
    largestCall: Math.min(size, callSize),
    segments,
    calls: details.calls ?? (size === 0 ? [] : [pair.send, pair.receive]),
  };
}

/** Replaces what the ordinary conversation says about single directions of the first connection. */
function change(
  base: Scenario,
  changed: { readonly client?: Partial<ExpectedEnd>; readonly server?: Partial<ExpectedEnd> },
  more: Partial<Scenario> = {},
): Scenario {
  const connections = base.connections.map((connection, index) =>
    index > 0
      ? connection
      : {
          ...connection,
          client: { ...connection.client, ...changed.client },
          server: { ...connection.server, ...changed.server },
        },
  );
  return { ...base, connections, ...more };
}

function ordinary(): Scenario[] {
  const segmentsOf = (pair: Pair): number => (pair.shape === "segments" ? 7 : 1);
  return [
    ...pairs.flatMap((pair) =>
      sizes.map((size) => scenario("pair", pair, { size, segments: segmentsOf(pair) })),
    ),
    ...["6", "mapped"].flatMap((family) =>
      pairs.map((pair) =>
        scenario("pair", pair, {
          segments: segmentsOf(pair),
          options: ["--family", family],
          label: `family ${family}`,
        }),
      ),
    ),
    ...pairs
      .filter(({ shape }) => shape === "segments")
      .flatMap((pair) =>
        [1, 300, 1024].map((segments) => scenario("pair", pair, { segments, label: `${segments} segments` })),
      ),
    ...pairs.map((pair) =>
      scenario("pair", pair, { size: 1_048_576, options: ["--nonblocking"], label: "nonblocking" }),
    ),
    ...memoryPairs.map((pair) => scenario("partial", pair, { size: 1_048_576, segments: segmentsOf(pair) })),
    scenario("pair", plain, { size: 1_048_576, callSize: 1_048_576, label: "in one call" }),
    scenario("pair", plain, { options: ["--accept", "accept"], calls: ["accept"], label: "accept" }),
    scenario("pair", plain, { options: ["--accept", "accept4"], calls: ["accept4"], label: "accept4" }),
    scenario("pair", plain, { calls: ["connect", "shutdown"], label: "connect and shutdown" }),
  ];
}

/** How the tap comes to know the connection. */
function identity(): Scenario[] {
  const connected = { attach: "connected", options: ["--sync", "connected"] } as const;
  return [
    ...(["fork", "scm_rights", "dup"] as const).flatMap((mode) => [
      scenario(mode, plain),
      scenario(mode, plain, { ...connected, label: "opened before" }),
    ]),
    ...memoryPairs.flatMap((pair) => [
      scenario("pair", pair, { ...connected, label: "opened before" }),
      scenario("midstream", pair, { attach: "middle" }),
      { ...scenario("blocked", pair, { attach: "blocked" }), blockedBytes: HEAD },
    ]),
  ];
}

/** The urgent byte is sent within the stream and received beside it. */
function urgent(): Scenario {
  const size = 4096;
  const content = (): Uint8Array => payloadBytes(SEED, size).filter((_, index) => index !== size / 2);
  return change(
    scenario("urgent", plain, { size, calls: ["sendto"] }),
    { server: { ingress: { total: size - 1, before: 0, gaps: [], content } } },
    { server: { urgent: 1 } },
  );
}

function receiving(): Scenario[] {
  const size = 65_536;
  const dropped: ExpectedDirection = {
    ...direction(SEED, size, 0),
    gaps: [{ offset: size / 4, size: size / 2, cause: "discarded" }],
  };
  return [
    ...flagPairs.flatMap((pair) => [
      { ...scenario("peek", pair, { size }), server: { peeked: size } },
      change(
        scenario("trunc", pair, { size }),
        { server: { ingress: dropped } },
        { server: { discarded: size / 2 } },
      ),
      scenario("waitall", pair, { size }),
    ]),
    { ...scenario("peek", plain, { size }), server: { peeked: size } },
    urgent(),
  ];
}

function endings(): Scenario[] {
  const size = 16_384;
  const both = 2 * 65_536;
  const open: ExpectedDirection = { total: both, before: 0, gaps: [] };
  const errors = scenario("errors", plain);
  const ten = direction(SEED, 10, 0);
  return [
    scenario("shutdown", plain, { size }),
    change(scenario("unread", plain, { size }), {
      client: { ingress: nothing },
      server: { egress: nothing, ingress: direction(SEED, size / 2, 0) },
    }),
    ...memoryPairs.map((pair) =>
      change(scenario("threads", pair, { callSize: 1000 }), {
        client: { egress: open, ingress: nothing },
        server: { egress: nothing, ingress: open },
      }),
    ),
    {
      ...errors,
      connections: [
        {
          name: "errors/reset",
          client: { egress: ten, ingress: nothing },
          server: { egress: nothing, ingress: ten },
        },
        ...errors.connections,
      ],
    },
    { ...scenario("other", plain), connections: [], largestCall: 100, calls: [...allTransferCalls] },
  ];
}

const allTransferCalls: ReadonlySet<string> = new Set(pairs.flatMap(({ send, receive }) => [send, receive]));

/** The scenario for a tap that cannot read what sendfile sends: it must declare all of it. */
export function withoutFilePages(base: Scenario): Scenario {
  if (!base.args.includes("sendfile")) return base;
  const declared = ({ egress, ingress }: ExpectedEnd): ExpectedEnd => {
    const size = egress.total - egress.before;
    return {
      ingress,
      egress: { ...egress, gaps: size === 0 ? [] : [{ offset: 0, size, cause: "sendfile" }] },
    };
  };
  return {
    ...base,
    connections: base.connections.map((connection) => ({
      ...connection,
      client: declared(connection.client),
      server: declared(connection.server),
    })),
  };
}

/** Many short connections; 60,000 of them take a few seconds. */
export function churnScenario(connections: number, family: "4" | "6" | "mapped" = "4"): Scenario {
  const bytes = 16;
  return {
    name: `churn ${connections} family ${family}`,
    args: ["--mode", "churn", "--connections", String(connections), "--family", family, "--timeout", "120"],
    attach: "before",
    connections: [],
    churn: { connections, bytes },
    largestCall: bytes,
    segments: 1,
    calls: ["connect", "accept4", "read", "write"],
  };
}

/** Every scenario, in an order that goes from the simple to the odd. */
export const catalog: readonly Scenario[] = [
  ...ordinary(),
  ...identity(),
  ...receiving(),
  ...endings(),
  ...(["4", "6", "mapped"] as const).map((family) => churnScenario(1000, family)),
];
