/** Arbitrary records as objects, for laws. */
import fc from "fast-check";
import { formatAddress } from "../src/addresses.ts";
import { EXPORT_GAP_CAUSE } from "../src/gap-cause.ts";
import { DIRECTION, GAP_CAUSE, JOINED, NETWORK, ROLE, SHUTDOWN, SYSCALL } from "../src/gen/layout.ts";
import type { Network } from "../src/gen/layout.ts";
import type { ContainerRuntime, TapRecord } from "../src/record.ts";
import { ipv4 } from "./build-record.ts";

const MAX_U32 = 0xffffffff;
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const u32 = fc.nat(MAX_U32);

function nameOf<Name extends string>(table: Readonly<Record<Name, number>>): fc.Arbitrary<Name> {
  return fc.constantFrom(...(Object.keys(table) as Name[]));
}

/** 16 bytes of an address, often with runs of zeros. */
export const addressBytes: fc.Arbitrary<Uint8Array> = fc
  .array(fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, fc.nat(0xffff), fc.nat(0xff)), {
    minLength: 8,
    maxLength: 8,
  })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));

const address = nameOf(NETWORK).chain((type) => {
  const bytes = type === "ipv6" ? addressBytes : fc.tuple(...[1, 2, 3, 4].map(() => fc.nat(255))).map(toIpv4);
  return fc.tuple(bytes, bytes).map(([local, remote]) => ({
    type,
    local: formatAddress(local, type),
    remote: formatAddress(remote, type),
  }));
});

function toIpv4([a = 0, b = 0, c = 0, d = 0]: readonly number[]): Uint8Array {
  return ipv4(a, b, c, d);
}

const nonEmpty = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });

const runtime = fc.constantFrom<ContainerRuntime>("docker", "containerd", "cri-o", "podman");

const namespacedName = fc.record({ name: nonEmpty, namespace: nonEmpty });
const base = fc
  .record({
    time: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    connection: fc.record({
      id: u64.map((id) => id.toString(16).padStart(16, "0")),
      role: nameOf(ROLE),
      joined: nameOf(JOINED),
    }),
    ends: fc.tuple(address, fc.nat(65535), fc.nat(65535)),
    process: fc.record(
      { pid: u32, tid: u32, name: nonEmpty, uid: u32 },
      { requiredKeys: ["pid", "tid", "uid"] },
    ),
    extra: fc.record(
      {
        cgroup: fc.record({ id: u64 }),
        container: fc.record(
          { id: nonEmpty, name: nonEmpty, image: nonEmpty, runtime },
          { requiredKeys: ["id"] },
        ),
        pod: fc.record(
          {
            ...{ name: nonEmpty, namespace: nonEmpty, uid: nonEmpty },
            labels: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
            owner: fc.record({ kind: nonEmpty, name: nonEmpty }),
          },
          { requiredKeys: ["name", "namespace"] },
        ),
        remotePod: namespacedName,
        service: namespacedName,
        syscall: nameOf(SYSCALL),
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
      network: { type: type satisfies Network, transport: "tcp" as const },
      ...extra,
    }),
  );

const directed = fc.record({ direction: nameOf(DIRECTION), offset: u64, size: u64 });
const range = fc.record({ offset: u32, size: u32 });
const payload = fc.record(
  {
    payload: fc.uint8Array({ minLength: 1, maxLength: 64 }),
    redacted: fc.array(range, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: [] },
);
const tcp = fc.record({ smoothedRtt: u64, retransmits: u32 }, { requiredKeys: ["retransmits"] });
const shutdown = fc.record(
  { shutdown: fc.subarray(Object.keys(SHUTDOWN) as (keyof typeof SHUTDOWN)[], { minLength: 1 }) },
  { requiredKeys: [] },
);

/** Any record that the contract allows. */
export const anyRecord: fc.Arbitrary<TapRecord> = fc.oneof(
  base.map((common): TapRecord => ({ type: "open", ...common })),
  fc
    .tuple(base, directed, payload)
    .map(([common, own, data]): TapRecord => ({ type: "data", ...common, ...own, ...data })),
  fc
    .tuple(base, directed, nameOf({ ...GAP_CAUSE, ...EXPORT_GAP_CAUSE }))
    .map(([common, own, cause]): TapRecord => ({ type: "gap", ...common, ...own, cause })),
  fc
    .tuple(base, u64, u64, u64, tcp, shutdown)
    .map(([common, egress, ingress, duration, kernel, sides]): TapRecord => ({
      type: "close",
      ...common,
      egress: { bytes: egress },
      ingress: { bytes: ingress },
      duration,
      tcp: kernel,
      ...sides,
    })),
);
