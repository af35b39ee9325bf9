import { DIRECTION, JOINED, NETWORK, RECORD_TYPE, ROLE, SYSCALL } from "@tcptracker/events";
import type { FilterInput } from "../names/input.ts";
import { PREFIX_LIMIT } from "./expression.ts";
import type { KernelFacts } from "./interpret.ts";
import type { DynamicSet } from "./sets.ts";

const NAME_LENGTH = 16;

/**
 * What the kernel would know of a call that user space sees as `input`, where calls have `snaplen` bytes of payload at most.
 *
 * The sets are taken as if user space had just filled them.
 */
export function factsOf(input: FilterInput, snaplen: number, sets: readonly DynamicSet[] = []): KernelFacts {
  const prefix = input.payload.subarray(0, Math.min(PREFIX_LIMIT, snaplen));
  const name = new Uint8Array(NAME_LENGTH);
  name.set(Buffer.from(input.processName).subarray(0, NAME_LENGTH));
  return {
    fields: {
      type: BigInt(RECORD_TYPE[input.type]),
      direction: BigInt(input.direction === undefined ? 0 : DIRECTION[input.direction]),
      role: BigInt(ROLE[input.role]),
      joined: BigInt(JOINED[input.joined]),
      network: BigInt(NETWORK[input.network]),
      syscall: BigInt(input.syscall === undefined ? 0 : SYSCALL[input.syscall]),
      pid: BigInt(input.pid),
      tid: BigInt(input.tid),
      uid: BigInt(input.uid),
      cgroup: input.cgroup,
      "local.port": BigInt(input.localPort),
      "remote.port": BigInt(input.remotePort),
      size: BigInt(input.sizeNumber),
      offset: BigInt(input.offsetNumber),
      "prefix.length": BigInt(prefix.length),
    },
    name,
    localAddress: input.localAddressBytes,
    remoteAddress: input.remoteAddressBytes,
    prefix,
    inSet: (id) => {
      const set = sets.find((one) => one.id === id);
      const value = set === undefined ? "" : (input.attribute?.(set.attribute, set.key) ?? "");
      return value !== "" && set?.accepts(value) === true;
    },
  };
}
