import { DIRECTION, GAP_CAUSE, JOINED, NETWORK, RECORD_TYPE, ROLE, SYSCALL } from "@tcptracker/events";
import { PAYLOAD_LIMIT } from "../kernel/expression.ts";
import type { KernelField } from "../kernel/expression.ts";
import type { FilterInput } from "./input.ts";

/** What a name, a member of a list or an operand can be. */
export type ValueType = "int" | "string" | "bytes";

/**
 * A name of the language. Integers are exact up to 2^53 - 1 and stay there: no connection carries 9 petabytes, and
 * predicates can do without bigints.
 */
export type Variable = {
  readonly name: string;
  /** For messages: what values it has. */
  readonly about: string;
} & (
  | {
      readonly type: "int";
      readonly max: number;
      readonly field: KernelField;
      readonly read: (input: FilterInput) => number;
    }
  | {
      readonly type: "string";
      readonly read: (input: FilterInput) => string;
      readonly text: TextVariable;
    }
  | { readonly type: "bytes"; readonly read: (input: FilterInput) => Uint8Array }
);

/** The kinds of strings, which differ in what the kernel knows of them. */
export type TextVariable =
  /** One of a few; `numbers` is undefined where the kernel does not know it, and `absent` where "" cannot be. */
  | {
      readonly kind: "enumeration";
      readonly values: readonly string[];
      readonly optional: boolean;
      readonly field: KernelField | undefined;
      readonly numbers: Readonly<Record<string, number>>;
    }
  | { readonly kind: "name" }
  | { readonly kind: "address"; readonly side: "local" | "remote" }
  | { readonly kind: "id" }
  | { readonly kind: "attribute"; readonly attribute: string; readonly key: string | undefined };

const U32 = 0xffffffff;

function integer(
  name: string,
  field: KernelField,
  max: number,
  about: string,
  read: (input: FilterInput) => number,
): Variable {
  return { name, about, type: "int", max, field, read };
}

function enumeration(
  name: string,
  field: KernelField | undefined,
  numbers: Readonly<Record<string, number>>,
  optional: boolean,
  read: (input: FilterInput) => string,
): Variable {
  const values = Object.keys(numbers);
  const about = `one of ${values.join(", ")}`;
  return {
    name,
    about,
    type: "string",
    read,
    text: { kind: "enumeration", values, optional, field, numbers },
  };
}

function text(
  name: string,
  about: string,
  kind: TextVariable,
  read: (input: FilterInput) => string,
): Variable {
  return { name, about, type: "string", read, text: kind };
}

/** The address as the language has it: one text for one address, whatever socket it was seen on. */
function plain(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice("::ffff:".length) : address;
}

function exact(value: number): number {
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

const PORT = "0 to 65535";
const ID = "a number of 32 bits";
const COUNT = "0 to 9007199254740991; larger values count as that";
const ADDRESS = "an address such as 192.0.2.1 or 2001:db8::1";

const VARIABLES: readonly Variable[] = [
  enumeration("type", "type", RECORD_TYPE, false, (input) => input.type),
  enumeration("direction", "direction", DIRECTION, true, (input) => input.direction ?? ""),
  enumeration("syscall", "syscall", SYSCALL, true, (input) => input.syscall ?? ""),
  integer("size", "size", Number.MAX_SAFE_INTEGER, COUNT, (input) => exact(input.sizeNumber)),
  integer("offset", "offset", Number.MAX_SAFE_INTEGER, COUNT, (input) => exact(input.offsetNumber)),
  {
    name: "payload",
    about: `the first ${PAYLOAD_LIMIT} captured bytes`,
    type: "bytes",
    read: ({ payload }) => (payload.length > PAYLOAD_LIMIT ? payload.subarray(0, PAYLOAD_LIMIT) : payload),
  },
  enumeration("cause", undefined, GAP_CAUSE, true, (input) => input.cause ?? ""),
  text("connection.id", "16 hexadecimal digits in lower case", { kind: "id" }, (input) => input.connectionId),
  enumeration("connection.role", "role", ROLE, false, (input) => input.role),
  enumeration("connection.joined", "joined", JOINED, false, (input) => input.joined),
  text("local.address", ADDRESS, { kind: "address", side: "local" }, (input) => plain(input.localAddress)),
  integer("local.port", "local.port", 65_535, PORT, (input) => input.localPort),
  text("remote.address", ADDRESS, { kind: "address", side: "remote" }, (input) => plain(input.remoteAddress)),
  integer("remote.port", "remote.port", 65_535, PORT, (input) => input.remotePort),
  enumeration("network.type", "network", NETWORK, false, (input) => input.network),
  enumeration("network.transport", undefined, { tcp: 0 }, false, () => "tcp"),
  integer("process.pid", "pid", U32, ID, (input) => input.pid),
  integer("process.tid", "tid", U32, ID, (input) => input.tid),
  text("process.name", "a text of at most 15 bytes", { kind: "name" }, (input) => input.processName),
  integer("process.uid", "uid", U32, ID, (input) => input.uid),
  integer("cgroup.id", "cgroup", Number.MAX_SAFE_INTEGER, COUNT, (input) => exact(Number(input.cgroup))),
];

/** All names of the language but those of sets. */
export const VARIABLE_NAMES: readonly string[] = VARIABLES.map(({ name }) => name);

const BY_NAME: ReadonlyMap<string, Variable> = new Map(
  VARIABLES.map((variable) => [variable.name, variable]),
);

export function findVariable(name: string): Variable | undefined {
  return BY_NAME.get(name);
}

/** The variable for an attribute that the environment declares as a set. */
export function attributeVariable(attribute: string, key: string | undefined): Variable {
  const name = key === undefined ? attribute : `${attribute}[${JSON.stringify(key)}]`;
  return text(name, "a text", { kind: "attribute", attribute, key }, (input) => {
    return input.attribute?.(attribute, key) ?? "";
  });
}
