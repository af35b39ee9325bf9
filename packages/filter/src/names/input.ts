import type { AnyGapCause, Direction, Joined, Network, RecordType, Role, Syscall } from "@tcptracker/events";

/**
 * What a predicate reads: a record, or a call with all its records. A RecordCursor is one as it stands; {@link RecordInput}
 * makes one of a TapRecord. What there is not is undefined, 0 or no bytes.
 *
 * Of a call, `payload` is the bytes captured of all its records in order (those beyond 65,536 are not looked at) and
 * `offsetNumber` that of the first.
 */
export interface FilterInput {
  readonly type: RecordType;
  readonly direction: Direction | undefined;
  readonly syscall: Syscall | undefined;
  readonly cause: AnyGapCause | undefined;
  readonly connectionId: string;
  readonly role: Role;
  readonly joined: Joined;
  readonly network: Network;
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** 16 bytes; IPv4 as ::ffff:a.b.c.d. */
  readonly localAddressBytes: Uint8Array;
  readonly remoteAddressBytes: Uint8Array;
  readonly localPort: number;
  readonly remotePort: number;
  readonly pid: number;
  readonly tid: number;
  readonly uid: number;
  readonly processName: string;
  readonly cgroup: bigint;
  readonly offsetNumber: number;
  readonly sizeNumber: number;
  readonly payload: Uint8Array;
  /**
   * The value of an attribute that the environment declares as a set, such as `container.id`; `key` is given for those with
   * keys. Empty where there is none. Only filters that name such an attribute ask for it.
   */
  attribute?(name: string, key: string | undefined): string;
}
