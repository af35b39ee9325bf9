/**
 * Records as objects: the shape of the JSON contract with JavaScript's own values. Whatever has 64 bits in the kernel is
 * a bigint here, so that nothing is rounded; whatever is not known is absent.
 */
import type { AnyGapCause } from "./gap-cause.ts";
import type { Direction, Joined, Network, Role, Shutdown, Syscall } from "./gen/layout.ts";

/** The connection a record belongs to. */
export interface Connection {
  /** 16 hexadecimal digits; never used again by the same tap. */
  readonly id: string;
  /** Which side the tapped process is. */
  readonly role: Role;
  /** `start`: known since its first byte. `midstream`: it was open before the tap saw it. */
  readonly joined: Joined;
}

/** One end of a connection. */
export interface Endpoint {
  /** IPv6 per RFC 5952, or a dotted quad. */
  readonly address: string;
  readonly port: number;
}

/** What has a name in a namespace of Kubernetes. */
export interface NamespacedName {
  readonly name: string;
  readonly namespace: string;
}

/** Whose an address of a Kubernetes cluster is: one of them. Not in the kernel's record: attribution adds it. */
export interface RemoteNames {
  readonly pod?: NamespacedName;
  readonly service?: NamespacedName;
}

/** The other end. */
export interface RemoteEndpoint extends Endpoint, RemoteNames {}

/** The task that made the system call. */
export interface ProcessIdentity {
  /** In the initial pid namespace. */
  readonly pid: number;
  readonly tid: number;
  /** The command name (at most 15 bytes) of the process; bytes that are not UTF-8 are U+FFFD. Absent if it has none. */
  readonly name?: string;
  /** In the initial user namespace. */
  readonly uid: number;
}

/** The container of the process. Not in the kernel's record: attribution adds it. */
export interface ContainerIdentity {
  readonly id: string;
  readonly name?: string;
  /** The image reference it runs. */
  readonly image?: string;
  /** What runs it. */
  readonly runtime?: ContainerRuntime;
}

/** Runtimes that can be told apart. */
export const CONTAINER_RUNTIMES = ["docker", "containerd", "cri-o", "podman"] as const;
export type ContainerRuntime = (typeof CONTAINER_RUNTIMES)[number];

/** What manages a pod, as its owner reference says. */
export interface PodOwner {
  /** Such as `ReplicaSet` or `DaemonSet`. */
  readonly kind: string;
  readonly name: string;
}

/** The Kubernetes pod of the process. Not in the kernel's record: attribution adds it. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid?: string;
  /** Absent if it has none. Values may be empty. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly owner?: PodOwner;
}

/** What all records say. */
export interface RecordBase {
  /** Nanoseconds since the Unix epoch, when the call returned. */
  readonly time: bigint;
  readonly connection: Connection;
  readonly local: Endpoint;
  readonly remote: RemoteEndpoint;
  readonly network: { readonly type: Network; readonly transport: "tcp" };
  readonly process: ProcessIdentity;
  /** The cgroup v2 id of the task. Absent if it has none. */
  readonly cgroup?: { readonly id: bigint };
  readonly container?: ContainerIdentity;
  readonly pod?: PodIdentity;
  /** The call that gave the record. Absent if none was involved. */
  readonly syscall?: Syscall;
}

/** The tap sees a connection for the first time. */
export interface OpenRecord extends RecordBase {
  readonly type: "open";
}

/** Bytes that a call moved. Covers `payload.length` bytes of its direction, from `offset` on. */
export interface DataRecord extends RecordBase {
  readonly type: "data";
  readonly direction: Direction;
  /** Of the first payload byte: bytes of this direction since the tap first saw the connection. */
  readonly offset: bigint;
  /** Bytes the whole call moved; one call may give several data and gap records. */
  readonly size: bigint;
  /** What was captured. Absent if nothing was. */
  readonly payload?: Uint8Array;
  /** Parts of the payload that were replaced, in order and apart from each other. Absent if none were. */
  readonly redacted?: readonly PayloadRange[];
}

/** A part of a payload, in bytes from its start. */
export interface PayloadRange {
  readonly offset: number;
  readonly size: number;
}

/** Bytes that were moved and are in no data record. Covers `size` bytes of its direction, from `offset` on. */
export interface GapRecord extends RecordBase {
  readonly type: "gap";
  readonly direction: Direction;
  /** Of the first missing byte. */
  readonly offset: bigint;
  /** Missing bytes. */
  readonly size: bigint;
  readonly cause: AnyGapCause;
}

/** A connection has ended. */
export interface CloseRecord extends RecordBase {
  readonly type: "close";
  /** Bytes sent by tapped calls since the tap saw the connection: where the offsets of this direction end. */
  readonly egress: { readonly bytes: bigint };
  /** Bytes received, likewise. */
  readonly ingress: { readonly bytes: bigint };
  /** Nanoseconds since the tap saw the connection. */
  readonly duration: bigint;
  readonly tcp: {
    /** Microseconds. Absent if the kernel never measured it. */
    readonly smoothedRtt?: bigint;
    /** Segments, over the whole life of the connection. */
    readonly retransmits: number;
  };
  /** The sides that the process shut down itself. Absent if none. */
  readonly shutdown?: readonly Shutdown[];
}

/** A record; `type` tells which. */
export type TapRecord = OpenRecord | DataRecord | GapRecord | CloseRecord;
