/**
 * A short exchange over IPv4 and one over IPv6, with every type of record: fixtures/synthetic.bin.
 *
 *   node packages/events/test/synthetic.ts     writes it anew (after a change of the layout)
 */
import { writeFileSync } from "node:fs";
import { DIRECTION, GAP_CAUSE, NETWORK, ROLE, SYSCALL } from "../src/gen/layout.ts";
import { buildBatch, buildRecord, text } from "./build-record.ts";
import type { FieldValues } from "./build-record.ts";

/** Where the batch is kept. */
export const SYNTHETIC_PATH: string = new URL("../fixtures/synthetic.bin", import.meta.url).pathname;

const LOOPBACK = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/** The batch, in frames of the ring's kind: longer than the record. */
export function syntheticBatch(): Uint8Array {
  return Uint8Array.from(Buffer.concat([buildBatch(curl(), 24), buildBatch(nginx())]));
}

function curl(): Uint8Array[] {
  const common: FieldValues = { connection: 1, pid: 25914, tid: 25914, uid: 0 };
  const request = text("GET / HTTP/1.1\r\nhost: example\r\n\r\n");
  const answer = text("HTTP/1.1 200 OK\r\n\r\n");
  const received = { ...common, direction: DIRECTION.ingress, syscall: SYSCALL.recvfrom };
  return [
    buildRecord("open", { ...common, syscall: SYSCALL.connect }),
    buildRecord("data", { ...common, syscall: SYSCALL.sendto, time: 1_000_100_000n }, request),
    buildRecord("data", { ...received, size: 4096, time: 1_000_200_000n }, answer),
    buildRecord("gap", {
      ...received,
      offset: answer.length,
      size: 4096 - answer.length,
      cause: GAP_CAUSE.snaplen,
      time: 1_000_200_000n,
    }),
    buildRecord("close", {
      ...common,
      egress_bytes: request.length,
      ingress_bytes: 4096,
      smoothed_rtt: 31,
      shutdown: 2,
      time: 1_001_000_000n,
    }),
  ];
}

function nginx(): Uint8Array[] {
  const common: FieldValues = {
    connection: 2n ** 63n + 1n,
    name: text("nginx"),
    role: ROLE.server,
    joined: 2,
    network: NETWORK.ipv6,
    local_address: LOOPBACK,
    remote_address: LOOPBACK,
    local_port: 80,
    remote_port: 50000,
  };
  return [
    buildRecord("open", { ...common, syscall: 0 }),
    buildRecord("data", { ...common, syscall: SYSCALL.writev, size: 3, offset: 0 }, text("abc")),
    buildRecord("gap", {
      ...common,
      syscall: SYSCALL.sendfile,
      offset: 3,
      size: 2n ** 40n,
      cause: GAP_CAUSE.sendfile,
    }),
    buildRecord("data", { ...common, syscall: SYSCALL.write, size: 5, offset: 2n ** 40n + 3n }),
  ];
}

if (import.meta.main) writeFileSync(SYNTHETIC_PATH, syntheticBatch());
