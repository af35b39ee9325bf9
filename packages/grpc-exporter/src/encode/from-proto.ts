import {
  CONTAINER_RUNTIMES,
  DIRECTION_NAMES,
  EXPORT_GAP_CAUSE,
  formatAddress,
  GAP_CAUSE_NAMES,
  JOINED_NAMES,
  NETWORK_NAMES,
  ROLE_NAMES,
  SHUTDOWN_NAMES,
  SYSCALL_NAMES,
  type AnyGapCause,
  type ContainerIdentity,
  type Direction,
  type Endpoint,
  type ExportGapCause,
  type NamespacedName,
  type Network,
  type PodIdentity,
  type RecordBase,
  type TapRecord,
} from "@tcptracker/events";
import type {
  Container,
  Endpoint as EndpointMessage,
  NamespacedName as NamespacedNameMessage,
  Pod,
  Process,
  Record,
} from "@tcptracker/proto";
import { ExportError } from "../errors.ts";

const EXPORT_CAUSES = new Map<number, ExportGapCause>(
  Object.entries(EXPORT_GAP_CAUSE).map(([name, value]) => [value, name as ExportGapCause]),
);
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * A received message as a record.
 *
 * @throws {@link ExportError} ERR_EXPORT_MESSAGE for a message that is not a record of this version
 */
export function fromProto(message: Record): TapRecord {
  const base = baseOf(message);
  const { event } = message;
  switch (event.case) {
    case "open":
      return { type: "open", ...base };
    case "data": {
      const { direction, offset, size, payload, redacted } = event.value;
      return {
        type: "data",
        ...base,
        ...{ direction: directionOf(direction), offset, size },
        ...(payload.length === 0 ? {} : { payload }),
        ...(redacted.length === 0
          ? {}
          : { redacted: redacted.map((part) => ({ offset: part.offset, size: part.size })) }),
      };
    }
    case "gap": {
      const { direction, offset, size, cause } = event.value;
      return {
        type: "gap",
        ...base,
        ...{ direction: directionOf(direction), offset, size, cause: causeOf(cause) },
      };
    }
    case "close": {
      const { egressBytes, ingressBytes, durationNano, smoothedRttMicro, retransmits, shutdown } =
        event.value;
      const sides = shutdown.map((side) => named("shutdown", SHUTDOWN_NAMES[side], side));
      return {
        type: "close",
        ...base,
        egress: { bytes: egressBytes },
        ingress: { bytes: ingressBytes },
        duration: durationNano,
        tcp: {
          ...(smoothedRttMicro === undefined ? {} : { smoothedRtt: smoothedRttMicro }),
          retransmits,
        },
        ...(sides.length === 0 ? {} : { shutdown: sides }),
      };
    }
    default:
      throw wrong("event", "of a kind that this version knows");
  }
}

function baseOf(message: Record): RecordBase {
  const { connection, local, remote, process, cgroupId, container, pod, remotePod, remoteService } = message;
  if (connection === undefined || process === undefined) throw wrong("connection and process", "there");
  const network = named("network", NETWORK_NAMES[message.network], message.network);
  const syscall = SYSCALL_NAMES[message.syscall];
  return {
    time: message.timeUnixNano,
    connection: {
      id: connection.id.toString(16).padStart(16, "0"),
      role: named("connection.role", ROLE_NAMES[connection.role], connection.role),
      joined: named("connection.joined", JOINED_NAMES[connection.joined], connection.joined),
    },
    local: endpointOf("local", local, network),
    remote: {
      ...endpointOf("remote", remote, network),
      ...(remotePod === undefined ? {} : { pod: nameOf(remotePod) }),
      ...(remoteService === undefined ? {} : { service: nameOf(remoteService) }),
    },
    network: { type: network, transport: "tcp" },
    process: processOf(process),
    ...(cgroupId === undefined ? {} : { cgroup: { id: cgroupId } }),
    ...(container === undefined ? {} : { container: containerOf(container) }),
    ...(pod === undefined ? {} : { pod: podOf(pod) }),
    // A call of a later version has no name here, and a record is worth having without.
    ...(syscall === undefined ? {} : { syscall }),
  };
}

function endpointOf(field: string, endpoint: EndpointMessage | undefined, network: Network): Endpoint {
  const { address = new Uint8Array(0), port = 0 } = endpoint ?? {};
  const mapped =
    network === "ipv4" && address.length === 4 ? Uint8Array.from([...MAPPED, ...address]) : address;
  const length = network === "ipv4" ? 4 : 16;
  if (address.length !== length) throw wrong(`${field}.address`, `${length} bytes`);
  if (port > 0xffff) throw wrong(`${field}.port`, "at most 65535");
  return { address: formatAddress(mapped, network), port };
}

function processOf({ pid, tid, name, uid }: Process): RecordBase["process"] {
  return name === "" ? { pid, tid, uid } : { pid, tid, name, uid };
}

function containerOf({ id, name, image, runtime: runtimeName }: Container): ContainerIdentity {
  // One of a later version has no name here, and the rest is worth having without.
  const runtime = CONTAINER_RUNTIMES.find((known) => known === runtimeName);
  return {
    id,
    ...(name === "" ? {} : { name }),
    ...(image === "" ? {} : { image }),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

function podOf({ name, namespace, uid, labels, owner }: Pod): PodIdentity {
  return {
    name,
    namespace,
    ...(uid === "" ? {} : { uid }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name } }),
  };
}

function nameOf({ name, namespace }: NamespacedNameMessage): NamespacedName {
  return { name, namespace };
}

function directionOf(value: number): Direction {
  return named("direction", DIRECTION_NAMES[value], value);
}

function causeOf(value: number): AnyGapCause {
  return named("gap.cause", GAP_CAUSE_NAMES[value] ?? EXPORT_CAUSES.get(value), value);
}

function named<Name extends string>(field: string, name: Name | undefined, value: number): Name {
  if (name === undefined) throw wrong(field, `a value that this version knows, not ${value}`);
  return name;
}

function wrong(field: string, expected: string): ExportError {
  return new ExportError("ERR_EXPORT_MESSAGE", `${field} of a record has to be ${expected}`);
}
