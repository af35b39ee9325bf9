import { invalidArgument } from "./errors.ts";
import { suggest } from "./suggest.ts";

/** Map types by libbpf's names; the position is the kernel's number (`enum bpf_map_type`). */
const mapTypes = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
] as const;

/** Program types by libbpf's names; the position is the kernel's number (`enum bpf_prog_type`). */
const programTypes = [
  "unspec",
  "socket_filter",
  "kprobe",
  "sched_cls",
  "sched_act",
  "tracepoint",
  "xdp",
  "perf_event",
  "cgroup_skb",
  "cgroup_sock",
  "lwt_in",
  "lwt_out",
  "lwt_xmit",
  "sock_ops",
  "sk_skb",
  "cgroup_device",
  "sk_msg",
  "raw_tracepoint",
  "cgroup_sock_addr",
  "lwt_seg6local",
  "lirc_mode2",
  "sk_reuseport",
  "flow_dissector",
  "cgroup_sysctl",
  "raw_tracepoint_writable",
  "cgroup_sockopt",
  "tracing",
  "struct_ops",
  "ext",
  "lsm",
  "sk_lookup",
  "syscall",
  "netfilter",
] as const;

/** Attach types that matter when loading raw instructions (`enum bpf_attach_type`). */
const attachTypes = {
  cgroup_inet_ingress: 0,
  cgroup_inet_egress: 1,
  cgroup_inet_sock_create: 2,
  cgroup_sock_ops: 3,
  trace_raw_tp: 23,
  trace_fentry: 24,
  trace_fexit: 25,
  modify_return: 26,
  lsm_mac: 27,
  trace_iter: 28,
  perf_event: 41,
  trace_kprobe_multi: 42,
} as const;

/** Kinds of BTF types (`BTF_KIND_*`). */
const btfKinds = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  func: 12,
  var: 14,
  datasec: 15,
  enum64: 19,
} as const;

/** A map type, by libbpf's name. */
export type MapType = (typeof mapTypes)[number];
/** A program type, by libbpf's name. */
export type ProgramType = (typeof programTypes)[number];
/** An attach type, by libbpf's name. */
export type AttachType = keyof typeof attachTypes;
/** A kind of BTF type. */
export type BtfKind = keyof typeof btfKinds;

export function mapTypeName(type: number): MapType {
  return mapTypes[type] ?? "unspec";
}

export function programTypeName(type: number): ProgramType {
  return programTypes[type] ?? "unspec";
}

function number(operation: string, what: string, names: readonly string[], name: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw invalidArgument(operation, `there is no ${what} "${name}"`, suggest(name, names));
  return index;
}

export function mapTypeNumber(operation: string, name: MapType): number {
  return number(operation, "map type", mapTypes, name);
}

export function programTypeNumber(operation: string, name: ProgramType): number {
  return number(operation, "program type", programTypes, name);
}

export function attachTypeNumber(operation: string, name: AttachType): number {
  if (!Object.hasOwn(attachTypes, name)) {
    throw invalidArgument(
      operation,
      `there is no attach type "${name}"`,
      suggest(name, Object.keys(attachTypes)),
    );
  }
  return attachTypes[name];
}

export function btfKindNumber(operation: string, name: BtfKind): number {
  if (!Object.hasOwn(btfKinds, name)) {
    throw invalidArgument(operation, `there is no BTF kind "${name}"`, suggest(name, Object.keys(btfKinds)));
  }
  return btfKinds[name];
}
