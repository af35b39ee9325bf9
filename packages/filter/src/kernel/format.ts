import {
  DIRECTION_NAMES,
  JOINED_NAMES,
  NETWORK_NAMES,
  RECORD_TYPE_NAMES,
  ROLE_NAMES,
  SYSCALL_NAMES,
} from "@tcptracker/events";
import { spellNetwork } from "../names/addresses.ts";
import type { KernelExpression, KernelField } from "./expression.ts";

/** Shown of a list; the rest is counted. */
const LIST_LIMIT = 8;

const FIELD_NAMES: Readonly<Record<KernelField, string>> = {
  type: "type",
  direction: "direction",
  role: "connection.role",
  joined: "connection.joined",
  network: "network.type",
  syscall: "syscall",
  pid: "process.pid",
  tid: "process.tid",
  uid: "process.uid",
  cgroup: "cgroup.id",
  "local.port": "local.port",
  "remote.port": "remote.port",
  size: "size",
  offset: "offset",
  "prefix.length": "prefix.size()",
};

const VALUE_NAMES: Partial<Record<KernelField, readonly (string | undefined)[]>> = {
  type: RECORD_TYPE_NAMES,
  direction: DIRECTION_NAMES,
  role: ROLE_NAMES,
  joined: JOINED_NAMES,
  network: NETWORK_NAMES,
  syscall: SYSCALL_NAMES,
};

/**
 * A kernel expression as text, in words of the language; for people. `prefix` is the beginning of the payload, as far as the
 * kernel looks at it.
 */
export function formatKernel(expression: KernelExpression): string {
  switch (expression.op) {
    case "constant":
      return String(expression.value);
    case "and":
      return expression.operands.map(inner).join(" && ");
    case "or":
      return expression.operands.map(inner).join(" || ");
    case "not":
      return `!(${formatKernel(expression.operand)})`;
    case "conditional":
      return [expression.test, expression.then, expression.otherwise]
        .map(inner)
        .join(" ? ")
        .replace(/ \? (?=[^?]*$)/, " : ");
    case "compare":
      return `${FIELD_NAMES[expression.field]} ${expression.relation} ${valueName(expression.field, expression.value)}`;
    case "compareFields":
      return `${FIELD_NAMES[expression.left]} ${expression.relation} ${FIELD_NAMES[expression.right]}`;
    case "oneOf": {
      const values = expression.values.map((value) => valueName(expression.field, value));
      return `${FIELD_NAMES[expression.field]} in [${list(values)}]`;
    }
    case "text": {
      const [name, literal] = expression.field === "name" ? ["process.name", text] : ["prefix", bytes];
      const value = literal(expression.value);
      return expression.test === "equals" ? `${name} == ${value}` : `${name}.${expression.test}(${value})`;
    }
    case "textOneOf":
      return `process.name in [${list(expression.values.map(text))}]`;
    case "inNetworks":
      return `${expression.side}.address.in([${list(expression.networks.map((one) => `"${spellNetwork(one)}"`))}])`;
    case "inSet":
      return `cgroup.id in the set of ${expression.set}`;
  }
}

function inner(expression: KernelExpression): string {
  const { op } = expression;
  const text = formatKernel(expression);
  return op === "and" || op === "or" || op === "conditional" ? `(${text})` : text;
}

function valueName(field: KernelField, value: bigint): string {
  const names = VALUE_NAMES[field];
  if (names === undefined) return String(value);
  return JSON.stringify(names[Number(value)] ?? "");
}

function list(items: readonly string[]): string {
  const shown = items.slice(0, LIST_LIMIT).join(", ");
  return items.length > LIST_LIMIT ? `${shown}, … ${items.length - LIST_LIMIT} more` : shown;
}

function text(value: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(value));
}

/** Bytes as CEL writes them. */
function bytes(value: Uint8Array): string {
  const shown = Array.from(value.subarray(0, 40), (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `b"${shown.join("")}${value.length > 40 ? "…" : ""}"`;
}
