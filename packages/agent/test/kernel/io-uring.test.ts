import type { DataRecord, GapRecord, TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { Tap } from "../../src/index.ts";
import { expectBalance, expectCloses } from "./support/account.ts";
import { tryCase, type CaseReport } from "./support/cases.ts";
import { Collector } from "./support/collector.ts";
import { assemble } from "./support/streams.ts";
import { tile } from "./support/tiling.ts";

/** What the program sends: see support/cases/io_uring.c. */
function content(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i * 31 + Math.floor(i / 256));
}

interface Transfer {
  readonly send: string;
  readonly receive: string;
  readonly size?: number;
  readonly options?: readonly string[];
  /** The bytes are declared instead of shown: in this direction, with this cause. */
  readonly gaps?: Partial<Record<"egress" | "ingress", string>>;
}

const SIZES = [1, 255, 4096, 65_537, 1_048_576] as const;

/** A sending and a receiving operation of the same kind. */
const PAIRS = [
  ["write", "read"],
  ["writev", "readv"],
  ["write_fixed", "read_fixed"],
  ["writev_fixed", "readv_fixed"],
  ["send", "recv"],
  ["sendmsg", "recvmsg"],
  ["send_zc", "recv"],
  ["sendmsg_zc", "recvmsg"],
] as const;

const KERNEL_ONLY = { egress: "splice", ingress: "splice" } as const;

const transfers: readonly Transfer[] = [
  ...PAIRS.flatMap(([send, receive]) => SIZES.map((size) => ({ send, receive, size }))),
  ...PAIRS.flatMap(([send, receive]) =>
    [["first"], ["sqpoll"], ["defer"], ["async"], ["first", "async", "defer"]].map((options) => ({
      send,
      receive,
      options,
    })),
  ),
  ...PAIRS.map(([send, receive]) => ({ send, receive, options: ["fixed-file", "first"] })),
  { send: "splice", receive: "splice", size: 200_000, gaps: KERNEL_ONLY },
  { send: "splice", receive: "recv", size: 200_000, gaps: { egress: "splice" } },
  // The process changes its iovecs as soon as it may.
  ...["writev readv", "sendmsg recvmsg", "sendmsg_zc recvmsg"].flatMap((pair) =>
    [["moved"], ["moved", "first"], ["moved", "async"]].map((options) => {
      const [send = "", receive = ""] = pair.split(" ");
      return { send, receive, options };
    }),
  ),
  ...["writev readv", "sendmsg recvmsg"].map((pair) => {
    const [send = "", receive = ""] = pair.split(" ");
    return { send, receive, options: ["segments=40"] };
  }),
  // Resumed after a part of it.
  ...["send recv", "sendmsg recvmsg", "send_zc recv", "sendmsg_zc recvmsg"].flatMap((pair) => {
    const [send = "", receive = ""] = pair.split(" ");
    return [["waitall"], ["waitall", "moved"]].map((options) => ({ send, receive, size: 400_000, options }));
  }),
  { send: "send", receive: "recv", options: ["direct"] },
  { send: "send", receive: "recv", options: ["direct", "accept-multishot"] },
  { send: "send", receive: "recv", options: ["accept-multishot"] },
  // Buffers that the kernel chooses.
  ...["recv", "recvmsg"].flatMap((receive) => [
    { send: "send", receive, options: ["ring"] },
    { send: "send", receive, options: ["ring", "first"] },
    { send: "send", receive, options: ["ring", "multishot"] },
    { send: "send", receive, options: ["ring", "multishot", "first", "defer"] },
    { send: "send", receive, options: ["ring", "multishot", "sqpoll"] },
    { send: "send", receive, options: ["list", "multishot"] },
  ]),
  { send: "send", receive: "recvmsg", options: ["ring", "multishot", "room-for-name"] },
  { send: "send", receive: "recv", options: ["ring", "incremental", "multishot"] },
  // What a single receive leaves of such a buffer does not say where it began, nor does a list that is taken from.
  { send: "send", receive: "recv", options: ["ring", "incremental"], gaps: { ingress: "io_uring" } },
  { send: "send", receive: "recv", options: ["ring", "bundle"] },
  { send: "send", receive: "recv", options: ["ring", "bundle", "multishot"] },
  { send: "send", receive: "recv", options: ["ring", "bundle", "room=300"], size: 30_000 },
  { send: "write", receive: "read", options: ["ring"] },
  { send: "write", receive: "read", options: ["list"] },
  { send: "write", receive: "readv", options: ["ring"] },
  { send: "write", receive: "read_multishot", options: ["ring"] },
  { send: "write", receive: "read_multishot", options: ["ring", "first"] },
];

let always: Collector;
let seen = false;

beforeAll(async () => {
  await using tap = Tap.start();
  seen = tap.ioUring.seen;
  if (!seen) console.warn(`SKIPPED: io_uring: ${tap.ioUring.reason ?? ""}`);
  always = new Collector({ snaplen: 2 * 1_048_576 });
});

afterAll(async () => {
  await always[Symbol.asyncDispose]();
});

async function run(context: TestContext, name: string, args: readonly string[]): Promise<CaseReport> {
  const report = seen ? await tryCase(name, ...args) : "this kernel does not tell";
  if (typeof report !== "string") return report;
  return context.skip(report);
}

function isMoved(record: TapRecord): record is DataRecord | GapRecord {
  return record.type === "data" || record.type === "gap";
}

/** The calls that the records of bytes name. */
function callsOf(records: readonly TapRecord[]): string[] {
  return [...new Set(records.filter(isMoved).map(({ syscall }) => syscall ?? ""))];
}

function checkProcess(records: readonly TapRecord[], pid: number): void {
  for (const { process, type } of records) {
    expect(process.pid).toBe(pid);
    if (type !== "close") expect(process.tid).toBe(pid);
    expect(process.name).toMatch(/^cases/);
  }
}

async function check(context: TestContext, transfer: Transfer): Promise<void> {
  const { send, receive, size = 100_000, options = [], gaps = {} } = transfer;
  const { listener, pid, clients } = await run(context, "io-uring", [send, receive, `${size}`, ...options]);
  const [port = 0] = clients;
  const ends = [
    {
      records: await always.closed(port, listener),
      direction: "egress",
      other: "ingress",
      role: "client",
      name: send,
    },
    {
      records: await always.closed(listener, port),
      direction: "ingress",
      other: "egress",
      role: "server",
      name: receive,
    },
  ] as const;
  for (const { records, direction, other, role, name } of ends) {
    expect(records[0]).toMatchObject({ type: "open", connection: { role, joined: "start" } });
    checkProcess(records, pid);
    expect(callsOf(records)).toEqual([`io_uring_${name}`]);
    const { total, causes } = tile(records, direction);
    expect(total).toBe(size);
    expect(tile(records, other).total).toBe(0);
    expect([...causes]).toEqual(gaps[direction] === undefined ? [] : [gaps[direction]]);
    if (gaps[direction] === undefined)
      expect(Buffer.compare(assemble(records, direction).bytes, content(size))).toBe(0);
    expect(records.at(-1)).toMatchObject({ type: "close", [direction]: { bytes: BigInt(size) } });
  }
}

describe("what io_uring moves", () => {
  for (const transfer of transfers) {
    const { send, receive, size = 100_000, options = [] } = transfer;
    test(`${send} ${receive} ${size} ${options.join(" ")}`.trim(), async (context) => {
      await check(context, transfer);
    });
  }
});

test("operations that move nothing, and those that do not count", async (context) => {
  const { listener, clients, count } = await run(context, "io-uring-others", []);
  const [port = 0] = clients;
  const client = await always.closed(port, listener);
  const server = await always.closed(listener, port);
  // The last ten were sent without a completion: only TCP's own count tells of them, when the connection ends.
  const sent = assemble(client, "egress");
  expect(Buffer.from(sent.bytes.subarray(0, count)).toString()).toBe("ten bytes.");
  expect(sent.holes).toEqual([{ offset: count, size: 10, cause: "unseen" }]);
  expect(Buffer.from(assemble(server, "ingress").bytes).toString()).toBe("ten bytes.ten bytes.");
  expect(tile(client, "ingress").total + tile(server, "egress").total).toBe(0);
});

test("nothing was lost, and nothing came twice", async (context) => {
  if (!seen) context.skip("this kernel does not tell");
  await always[Symbol.asyncDispose]();
  const statistics = always.statistics();
  expectBalance(statistics);
  expectCloses(always);
  for (const name of ["untracked_bytes", "undeclared_bytes", "tail_call_failed"] as const)
    expect(statistics.counters[name], name).toBe(0n);
});
