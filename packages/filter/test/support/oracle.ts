/**
 * What a filter means according to @bufbuild/cel, with our functions declared: written from records, without anything of
 * what is tested.
 */
import { celEnv, celFunc, celMethod, CelScalar, isCelError, listType, parse, plan } from "@bufbuild/cel";
import type { CelFunc } from "@bufbuild/cel";
import { RE2JS } from "@bufbuild/re2";
import type { TapRecord } from "@tcptracker/events";
import { BlockList, isIP } from "node:net";
import { toCel } from "../../src/syntax/parse.ts";

const { BOOL, BYTES, INT, STRING } = CelScalar;
const STRINGS = listType(STRING);
const INTS = listType(INT);
const NOTHING = new Uint8Array(0);
const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Labels are not in records; the tests give them to pods by this. */
export type Labels = Readonly<Record<string, string>>;

/** Evaluates a filter on a record. Throws what CEL complains of. */
export function evaluate(text: string, record: TapRecord, labels: Labels = {}): boolean {
  return oracleOf(text)(record, labels);
}

/** The same for several records, which costs less for each. */
export function oracleOf(text: string): (record: TapRecord, labels: Labels) => boolean {
  let current: TapRecord | undefined;
  const program = plan(celEnv({ funcs: functionsFor(() => current) }), parse(toCel(text)));
  return (record, labels) => {
    current = record;
    const result = program(bindings(record, labels));
    if (isCelError(result)) throw new Error(`CEL fails on ${text}: ${String(result)}`);
    if (typeof result !== "boolean") throw new TypeError(`CEL gives a ${typeof result} for ${text}`);
    return result;
  };
}

function functionsFor(record: () => TapRecord | undefined): CelFunc[] {
  const ends = (): TapRecord["local"][] =>
    [record()?.local, record()?.remote].filter((end) => end !== undefined);
  const hasPort = (port: unknown): boolean => ends().some((end) => BigInt(end.port) === port);
  const either = (networks: readonly string[]): boolean =>
    ends().some(({ address }) => isIn(address, networks));
  return [
    celFunc("port", [INT], BOOL, hasPort),
    celFunc("port", [INTS], BOOL, (list) => [...list].some(hasPort)),
    ...["host", "net"].flatMap((name) => [
      celFunc(name, [STRING], BOOL, (network) => either([network])),
      celFunc(name, [STRINGS], BOOL, (list) => either([...list] as string[])),
    ]),
    celMethod("iN", STRING, [STRING], BOOL, function (network) {
      return isIn(this, [network]);
    }),
    celMethod("iN", STRING, [STRINGS], BOOL, function (list) {
      return isIn(this, [...list] as string[]);
    }),
    ...bytesMethods(),
  ];
}

type Search = (bytes: Buffer, part: Buffer) => boolean;

function bytesMethods(): CelFunc[] {
  const searches: Readonly<Record<string, Search>> = {
    startsWith: (bytes, part) => bytes.subarray(0, part.length).equals(part),
    endsWith: (bytes, part) =>
      part.length <= bytes.length && bytes.subarray(bytes.length - part.length).equals(part),
    contains: (bytes, part) => bytes.includes(part),
  };
  return [
    ...Object.entries(searches).flatMap(([name, search]) => [
      celMethod(name, BYTES, [BYTES], BOOL, function (part) {
        return search(Buffer.from(this), Buffer.from(part));
      }),
      celMethod(name, BYTES, [STRING], BOOL, function (part) {
        return search(Buffer.from(this), Buffer.from(part));
      }),
    ]),
    celMethod("matches", BYTES, [STRING], BOOL, function (pattern) {
      return RE2JS.compile(pattern).test(Buffer.from(this).toString("latin1"));
    }),
  ];
}

/** By Node.js's own list of networks, which would find IPv4 addresses in ::/0: here they are in networks of IPv4 only. */
function isIn(address: string, networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [head = "", bits] = network.split("/");
    const family = isIP(head) === 6 ? "ipv6" : "ipv4";
    if ((family === "ipv6") !== (isIP(address) === 6)) continue;
    const octets = head.split(".");
    const full = family === "ipv6" ? head : [...octets, "0", "0", "0"].slice(0, 4).join(".");
    const width = family === "ipv6" ? 128 : octets.length * 8;
    list.addSubnet(full, bits === undefined ? width : Number(bits), family);
  }
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

function bindings(record: TapRecord, labels: Labels): Record<string, never> {
  const directed = "direction" in record ? record : undefined;
  const payload = record.type === "data" ? (record.payload ?? NOTHING) : NOTHING;
  return {
    type: record.type,
    direction: directed?.direction ?? "",
    syscall: record.syscall ?? "",
    size: atMost(directed?.size ?? 0n),
    offset: atMost(directed?.offset ?? 0n),
    payload: payload.subarray(0, 65_536),
    cause: record.type === "gap" ? record.cause : "",
    connection: { ...record.connection },
    local: { address: record.local.address, port: BigInt(record.local.port) },
    remote: { address: record.remote.address, port: BigInt(record.remote.port) },
    network: { ...record.network },
    process: {
      pid: BigInt(record.process.pid),
      tid: BigInt(record.process.tid),
      uid: BigInt(record.process.uid),
      name: record.process.name ?? "",
    },
    cgroup: { id: atMost(record.cgroup?.id ?? 0n) },
    container: { id: record.container?.id ?? "" },
    pod: { labels: new Map([["app", labels["app"] ?? ""]]) },
  } as unknown as Record<string, never>;
}

function atMost(value: bigint): bigint {
  return value > LARGEST ? LARGEST : value;
}
