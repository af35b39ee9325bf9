/** Arbitrary records, for laws. */
import fc from "fast-check";
import {
  CONTAINER_RUNTIMES,
  DIRECTION,
  EXPORT_GAP_CAUSE,
  formatAddress,
  GAP_CAUSE,
  JOINED,
  NETWORK,
  ROLE,
  SHUTDOWN,
  SYSCALL,
  type TapRecord,
} from "@tcptracker/events";

/** Small values and large ones: both ends of every varint. */
const u64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.nat(63).map((bits) => 2n ** BigInt(bits)),
  fc.nat(63).map((bits) => 2n ** BigInt(bits) - 1n),
);
const u32 = fc.oneof(
  fc.nat(0xffffffff),
  fc.nat(31).map((bits) => 2 ** bits - 1),
);

function nameOf<Name extends string>(table: Readonly<Record<Name, number>>): fc.Arbitrary<Name> {
  return fc.constantFrom(...(Object.keys(table) as Name[]));
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const address = nameOf(NETWORK).chain((type) => {
  const byte = fc.oneof(fc.constant(0), fc.nat(255));
  const bytes = fc
    .array(byte, { minLength: 16, maxLength: 16 })
    .map((all) =>
      formatAddress(Uint8Array.from(type === "ipv4" ? [...MAPPED, ...all.slice(12)] : all), type),
    );
  return fc.record({ type: fc.constant(type), local: bytes, remote: bytes });
});

const text = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 12 }),
  fc.string({ unit: "binary", minLength: 120, maxLength: 300 }),
);
const namespacedName = fc.record({ name: text, namespace: text });
const base = fc
  .record({
    time: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    connection: fc.record({
      id: u64.map((id) => id.toString(16).padStart(16, "0")),
      role: nameOf(ROLE),
      joined: nameOf(JOINED),
    }),
    ends: fc.tuple(address, fc.nat(65535), fc.nat(65535)),
    process: fc.record({ pid: u32, tid: u32, name: text, uid: u32 }, { requiredKeys: ["pid", "tid", "uid"] }),
    extra: fc.record(
      {
        cgroup: fc.record({ id: u64 }),
        container: fc.record(
          { id: text, name: text, image: text, runtime: fc.constantFrom(...CONTAINER_RUNTIMES) },
          { requiredKeys: ["id"] },
        ),
        pod: fc.record(
          {
            name: text,
            namespace: text,
            uid: text,
            labels: fc.dictionary(text, fc.oneof(text, fc.constant("")), { minKeys: 1, maxKeys: 8 }),
            owner: fc.record({ kind: text, name: text }),
          },
          { requiredKeys: ["name", "namespace"] },
        ),
        syscall: nameOf(SYSCALL),
        remotePod: namespacedName,
        service: namespacedName,
      },
      { requiredKeys: [] },
    ),
  })
  .map(
    ({
      ends: [{ type, local, remote }, localPort, remotePort],
      extra: { remotePod, service, ...extra },
      ...rest
    }) => ({
      ...rest,
      local: { address: local, port: localPort },
      remote: {
        ...{ address: remote, port: remotePort },
        ...(remotePod === undefined ? {} : { pod: remotePod }),
        ...(service === undefined ? {} : { service }),
      },
      network: { type, transport: "tcp" as const },
      ...extra,
    }),
  );

const directed = fc.record({ direction: nameOf(DIRECTION), offset: u64, size: u64 });
const captured = fc.record(
  {
    payload: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc.nat(20_000).map((length) => new Uint8Array(length + 1).fill(length)),
    ),
    redacted: fc.array(fc.record({ offset: u32, size: u32 }), { minLength: 1, maxLength: 40 }),
  },
  { requiredKeys: [] },
);
const shutdown = fc.record(
  { shutdown: fc.subarray(Object.keys(SHUTDOWN) as (keyof typeof SHUTDOWN)[], { minLength: 1 }) },
  { requiredKeys: [] },
);

/** Any record that the contract allows. */
export const anyRecord: fc.Arbitrary<TapRecord> = fc.oneof(
  base.map((common): TapRecord => ({ type: "open", ...common })),
  fc
    .tuple(base, directed, captured)
    .map(([common, own, data]): TapRecord => ({ type: "data", ...common, ...own, ...data })),
  fc
    .tuple(base, directed, nameOf({ ...GAP_CAUSE, ...EXPORT_GAP_CAUSE }))
    .map(([common, own, cause]): TapRecord => ({ type: "gap", ...common, ...own, cause })),
  fc
    .tuple(
      base,
      u64,
      u64,
      u64,
      fc.record({ smoothedRtt: u64, retransmits: u32 }, { requiredKeys: ["retransmits"] }),
      shutdown,
    )
    .map(([common, egress, ingress, duration, tcp, sides]): TapRecord => ({
      type: "close",
      ...common,
      egress: { bytes: egress },
      ingress: { bytes: ingress },
      duration,
      tcp,
      ...sides,
    })),
);
