import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  DIRECTION,
  EXPORT_GAP_CAUSE,
  GAP_CAUSE,
  JOINED,
  NETWORK,
  ROLE,
  SHUTDOWN,
  SYSCALL,
  type Endpoint,
  type TapRecord,
} from "@tcptracker/events";
import { RecordSchema, type Record } from "@tcptracker/proto";
import { addressBytes } from "./addresses.ts";

type RecordInit = MessageInitShape<typeof RecordSchema>;

const CAUSES = { ...GAP_CAUSE, ...EXPORT_GAP_CAUSE };

/** A record as a message of protobuf-es: for few records. The exporter encodes without (`encodeRecord`). */
export function toProto(record: TapRecord): Record {
  const { time, connection, local, remote, network, process, cgroup, container, pod, syscall } = record;
  return create(RecordSchema, {
    timeUnixNano: time,
    connection: {
      id: BigInt(`0x${connection.id}`),
      role: ROLE[connection.role],
      joined: JOINED[connection.joined],
    },
    local: endpoint(local),
    remote: endpoint(remote),
    network: NETWORK[network.type],
    process,
    ...(cgroup === undefined ? {} : { cgroupId: cgroup.id }),
    ...(container === undefined ? {} : { container }),
    ...(pod === undefined ? {} : { pod: { ...pod, labels: { ...pod.labels } } }),
    ...(syscall === undefined ? {} : { syscall: SYSCALL[syscall] }),
    ...(remote.pod === undefined ? {} : { remotePod: remote.pod }),
    ...(remote.service === undefined ? {} : { remoteService: remote.service }),
    event: event(record),
  });
}

function endpoint({ address, port }: Endpoint): { address: Uint8Array<ArrayBuffer>; port: number } {
  return { address: Uint8Array.from(addressBytes(address)), port };
}

function event(record: TapRecord): NonNullable<RecordInit["event"]> {
  switch (record.type) {
    case "open":
      return { case: "open", value: {} };
    case "data": {
      const { direction, offset, size, payload, redacted } = record;
      const value = {
        direction: DIRECTION[direction],
        offset,
        size,
        payload: Uint8Array.from(payload ?? []),
        redacted: [...(redacted ?? [])],
      };
      return { case: "data", value };
    }
    case "gap": {
      const { direction, offset, size, cause } = record;
      return { case: "gap", value: { direction: DIRECTION[direction], offset, size, cause: CAUSES[cause] } };
    }
    case "close": {
      const { egress, ingress, duration, tcp, shutdown } = record;
      const value = {
        egressBytes: egress.bytes,
        ingressBytes: ingress.bytes,
        durationNano: duration,
        ...(tcp.smoothedRtt === undefined ? {} : { smoothedRttMicro: tcp.smoothedRtt }),
        retransmits: tcp.retransmits,
        shutdown: (shutdown ?? []).map((side) => SHUTDOWN[side]),
      };
      return { case: "close", value };
    }
  }
}
