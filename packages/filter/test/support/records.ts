import { DIRECTION, GAP_CAUSE, JOINED, ROLE, SYSCALL } from "@tcptracker/events";
import type { TapRecord } from "@tcptracker/events";
import fc from "fast-check";
import {
  CONNECTIONS,
  CONTAINERS,
  IDS,
  IPV4_ADDRESSES,
  IPV6_ADDRESSES,
  LARGE_SIZES,
  NAMES,
  PAYLOADS,
  PORTS,
  SIZES,
} from "./pools.ts";

const SIZES_AND_LARGER = [...SIZES, ...LARGE_SIZES];

function keyOf<Name extends string>(table: Readonly<Record<Name, number>>): fc.Arbitrary<Name> {
  return fc.constantFrom(...(Object.keys(table) as Name[]));
}

function optional<Key extends string, Type>(key: Key, value: Type | undefined): Partial<Record<Key, Type>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<Key, Type>>);
}

const ends = fc.oneof(
  fc.tuple(
    fc.constant("ipv4" as const),
    fc.constantFrom(...IPV4_ADDRESSES),
    fc.constantFrom(...IPV4_ADDRESSES),
  ),
  fc.tuple(
    fc.constant("ipv6" as const),
    fc.constantFrom(...IPV6_ADDRESSES),
    fc.constantFrom(...IPV6_ADDRESSES),
  ),
);

const base = fc
  .record({
    id: fc.constantFrom(...CONNECTIONS),
    role: keyOf(ROLE),
    joined: keyOf(JOINED),
    ends,
    ports: fc.tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS)),
    pid: fc.constantFrom(...IDS),
    tid: fc.constantFrom(...IDS),
    uid: fc.constantFrom(...IDS),
    name: fc.constantFrom(...NAMES),
    cgroup: fc.option(fc.constantFrom(...SIZES_AND_LARGER), { nil: undefined }),
    container: fc.constantFrom(...CONTAINERS),
    syscall: fc.option(keyOf(SYSCALL), { nil: undefined }),
  })
  .map(({ ends: [type, local, remote], ports: [localPort, remotePort], ...one }) => ({
    time: 0n,
    connection: { id: one.id, role: one.role, joined: one.joined },
    local: { address: local, port: localPort },
    remote: { address: remote, port: remotePort },
    network: { type, transport: "tcp" as const },
    process: {
      pid: one.pid,
      tid: one.tid,
      uid: one.uid,
      ...optional("name", one.name === "" ? undefined : one.name),
    },
    ...optional("cgroup", one.cgroup === undefined || one.cgroup === 0n ? undefined : { id: one.cgroup }),
    ...optional("container", one.container === "" ? undefined : { id: one.container }),
    ...optional("syscall", one.syscall),
  }));

const directed = fc.record({
  direction: keyOf(DIRECTION),
  offset: fc.constantFrom(...SIZES_AND_LARGER),
  size: fc.constantFrom(...SIZES_AND_LARGER),
});

const payload = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PAYLOADS).map((text) => Buffer.from(text, "latin1")) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
);

/** A data record, or a call as user space puts it together: with `snaplen` bytes of payload at most. */
export function dataRecord(snaplen: number): fc.Arbitrary<Extract<TapRecord, { type: "data" }>> {
  return fc.tuple(base, directed, payload).map(([common, own, bytes]) => ({
    type: "data" as const,
    ...common,
    ...own,
    payload: Uint8Array.from(bytes.subarray(0, snaplen)),
  }));
}

/** Any record; data more often than the others. */
export function anyRecord(snaplen: number): fc.Arbitrary<TapRecord> {
  return fc.oneof(
    { weight: 6, arbitrary: dataRecord(snaplen) },
    { weight: 1, arbitrary: base.map((common): TapRecord => ({ type: "open", ...common })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(base, directed, keyOf(GAP_CAUSE))
        .map(([common, own, cause]): TapRecord => ({ type: "gap", ...common, ...own, cause })),
    },
    {
      weight: 1,
      arbitrary: base.map((common): TapRecord => {
        const bytes = { bytes: 1n };
        return {
          type: "close",
          ...common,
          egress: bytes,
          ingress: bytes,
          duration: 1n,
          tcp: { retransmits: 0 },
        };
      }),
    },
  );
}
