/** Random well-typed filters, as text. */
import { DIRECTION, GAP_CAUSE, JOINED, NETWORK, RECORD_TYPE, ROLE, SYSCALL } from "@tcptracker/events";
import fc from "fast-check";
import { PAYLOAD_LIMIT } from "../../src/index.ts";
import {
  CONNECTIONS,
  CONTAINERS,
  IDS,
  IPV4_ADDRESSES,
  IPV6_ADDRESSES,
  NAMES,
  NETWORKS,
  PAYLOADS,
  PORTS,
  SIZES,
} from "./pools.ts";

type Texts = fc.Arbitrary<string>;

function one(...values: readonly (string | number | bigint)[]): Texts {
  return fc.constantFrom(...values.map(String));
}

/** Fills the holes of a template. */
function fill(parts: TemplateStringsArray, ...holes: readonly Texts[]): Texts {
  return fc
    .tuple(...holes)
    .map((texts) => parts.reduce((all, part, index) => all + (texts[index - 1] ?? "") + part));
}

function list(items: Texts, minLength = 1): Texts {
  return fc.array(items, { minLength, maxLength: 5 }).map((elements) => `[${elements.join(", ")}]`);
}

function quoted(values: readonly string[]): Texts {
  return one(...values.map((value) => JSON.stringify(value)));
}

const orders = one("==", "!=", "<", "<=", ">", ">=");
const equality = one("==", "!=");
const searches = one("startsWith", "endsWith", "contains");

type Ints = readonly (number | bigint)[];

/**
 * Comparisons with these values, but for those that could never hold, which are errors: what is compared is 0 to `max`, or
 * to more than all of them.
 */
function compared(left: Texts, values: Ints, max?: number): Texts {
  const but = (limit?: number): Texts =>
    one(...values.filter((value) => limit === undefined || BigInt(value) !== BigInt(limit)));
  return fc.oneof(
    { weight: 4, arbitrary: fill`${left} ${one("==", "!=", "<=", ">=")} ${one(...values)}` },
    { weight: 1, arbitrary: fill`${left} < ${but(0)}` },
    { weight: 1, arbitrary: fill`${left} > ${but(max)}` },
    { weight: 1, arbitrary: fill`${but(0)} > ${left}` },
    { weight: 1, arbitrary: fill`${but(max)} < ${left}` },
    { weight: 1, arbitrary: fill`${one(...values)} ${one("==", "!=", "<=", ">=")} ${left}` },
  );
}

const integers: Texts = fc.oneof(
  compared(one("local.port", "remote.port"), PORTS, 65_535),
  fill`${one("local.port", "remote.port")} in ${list(one(...PORTS), 0)}`,
  compared(one("process.pid", "process.tid", "process.uid"), IDS, 0xffffffff),
  fill`${one("process.pid", "process.tid", "process.uid")} in ${list(one(...IDS))}`,
  compared(one("size", "offset", "cgroup.id"), SIZES, Number.MAX_SAFE_INTEGER),
  fill`${one("size", "offset", "cgroup.id")} in ${list(one(...SIZES))}`,
  fill`${one("local.port", "process.pid", "size", "offset")} ${orders} ${one("remote.port", "process.uid", "size", "cgroup.id")}`,
);

const arithmetic: Texts = fc.oneof(
  fill`${one("size", "offset", "remote.port")} ${one("+", "-", "*")} ${one(-3, 0, 1, 255)} ${orders} ${one(-1, 0, 255, 256)}`,
  fill`${one("size", "offset", "payload.size()")} ${one("/", "%")} ${one(-7, 1, 2, 256)} ${orders} ${one(-1, 0, 1, 2)}`,
  fill`-size ${orders} ${one(-5, 0, 1)}`,
  fill`(size - offset) * 2 + remote.port ${orders} ${one("local.port", 0, 2048)}`,
  fill`(${one("true", 'type == "data"', 'remote.address.in("10.0.0.0/8")')} ? size : offset) ${orders} ${one(0, 255)}`,
);

function enumeration(name: string, table: Readonly<Record<string, number>>, optional: boolean): Texts {
  const values = quoted([...Object.keys(table), ...(optional ? [""] : [])]);
  const parts = quoted(["", "e", "send", "i", "data", "client", "ring_full"]);
  return fc.oneof(
    fill`${one(name)} ${equality} ${values}`,
    fill`${one(name)} in ${list(values)}`,
    fill`${one(name)}.${searches}(${parts})`,
    fill`${one(name)} ${one("<", ">=")} ${parts}`,
    fill`${one(name)}.matches(${quoted(["^s.*g?$", "e", "^$", "[a-m]$"])})`,
    compared(fill`${one(name)}.size()`, [0, 4, 6, 7]),
  );
}

const enumerations: Texts = fc.oneof(
  enumeration("type", RECORD_TYPE, false),
  enumeration("direction", DIRECTION, true),
  enumeration("syscall", SYSCALL, true),
  enumeration("cause", GAP_CAUSE, true),
  enumeration("connection.role", ROLE, false),
  enumeration("connection.joined", JOINED, false),
  enumeration("network.type", NETWORK, false),
  enumeration("network.transport", { tcp: 0 }, false),
);

const names: Texts = fc.oneof(
  fill`process.name ${orders} ${quoted(NAMES)}`,
  fill`process.name in ${list(quoted([...NAMES, "a\0b"]))}`,
  fill`process.name.${searches}(${quoted([...NAMES, "c", "rl", "\0"])})`,
  compared(one("size(process.name)"), [0, 1, 2, 4]),
  fill`process.name.matches(${quoted(["^c", "[nx]+$", "."])})`,
  fill`process.name ${equality} ${one("syscall", "container.id", "remote.address")}`,
  fill`syscall.${searches}(process.name)`,
);

const ids: Texts = fc.oneof(
  fill`connection.id ${equality} ${quoted(CONNECTIONS)}`,
  fill`connection.id.startsWith(${quoted(["8f", "0"])})`,
  fill`container.id ${equality} ${quoted(CONTAINERS)}`,
  fill`container.id in ${list(quoted(CONTAINERS))}`,
  fill`container.id.${searches}(${quoted(["", "8", "b"])})`,
  fill`pod.labels["app"] ${equality} ${quoted(CONTAINERS)}`,
);

const network = quoted(NETWORKS);
const addresses: Texts = fc.oneof(
  fill`${one("local", "remote")}.address ${equality} ${quoted([...IPV4_ADDRESSES, ...IPV6_ADDRESSES])}`,
  fill`${one("local", "remote")}.address in ${list(quoted([...IPV4_ADDRESSES, ...IPV6_ADDRESSES]))}`,
  fill`${one("local", "remote")}.address.in(${fc.oneof(network, list(network))})`,
  fill`${one("local", "remote")}.address.${searches}(${quoted(["10.", "1", "::"])})`,
  fill`${one("host", "net")}(${fc.oneof(network, list(network))})`,
  fill`net(${quoted(["10", "192.168", "127.0.0"])})`,
  fill`port(${fc.oneof(one(...PORTS), list(one(...PORTS)))})`,
  fc.constant("local.address == remote.address"),
);

/** Bytes as CEL writes them. */
function bytesLiteral(text: string): string {
  const bytes = Array.from(Buffer.from(text, "latin1"), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
  return `b"${bytes.join("")}"`;
}

const literals = one(...PAYLOADS.map(bytesLiteral));
const payloads: Texts = fc.oneof(
  fill`payload ${orders} ${literals}`,
  fill`payload in ${list(literals)}`,
  fill`payload.${searches}(${fc.oneof(literals, quoted(["GET", "é", ""]))})`,
  fill`payload.matches(${quoted(["^GET /.*", "x{20}", "\\xff", "(?s)\\n$"])})`,
  compared(
    one("payload.size()", "size(payload)"),
    [0, 1, 9, 10, 11, 255, 256, 257, 300, 65_536],
    PAYLOAD_LIMIT,
  ),
  fill`payload.size() in ${list(one(0, 4, 10, 255, 256, 257, 300))}`,
  fill`(size > 5 ? payload : b"") == ${literals}`,
);

const test: Texts = fc.oneof(
  { weight: 4, arbitrary: integers },
  { weight: 1, arbitrary: arithmetic },
  { weight: 4, arbitrary: enumerations },
  { weight: 3, arbitrary: names },
  { weight: 2, arbitrary: ids },
  { weight: 3, arbitrary: addresses },
  { weight: 4, arbitrary: payloads },
  { weight: 1, arbitrary: one("true", "false", "1 < 2", '"a" == "b"') },
);

/** Conditions of any shape; small ones first when something is wrong. */
export const anyExpression: Texts = fc.letrec<{ condition: string; connected: string }>((tie) => {
  const inner = tie("condition").map((text) => `(${text})`);
  return {
    condition: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      test,
      tie("connected"),
      tie("connected"),
    ),
    connected: fc.oneof(
      fill`${inner} && ${inner}`,
      fill`${inner} || ${inner}`,
      fill`!${inner}`,
      fill`${inner} && ${inner} && ${inner}`,
      fill`(${inner} && ${inner}) || ${inner}`,
      fill`${inner} ? ${inner} : ${inner}`,
      fill`${inner} ${equality} ${inner}`,
    ),
  };
}).condition;

/** The sets that these expressions name. */
export const SETS: readonly { name: string; keyed?: boolean }[] = [
  { name: "container.id" },
  { name: "pod.labels", keyed: true },
];
