/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of connections. Keyed by sock pointer, so that it does not matter who opened the socket,
 * when, or how the descriptor came to the process. An entry is made on first sight and ended by the
 * life-cycle programs.
 */
#ifndef TCPTRACKER_CONNECTION_BPF_H
#define TCPTRACKER_CONNECTION_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "config.bpf.h"
#include "counters.bpf.h"
#include "figures.bpf.h"
#include "helpers.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct tt_connection);
} connections SEC(".maps");

/* Connection id -> connections that ended while the ring was full. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct tt_connection);
} unsent SEC(".maps");

/* The finalizer of splitmix64: a bijection, so different inputs give different outputs. */
static __always_inline __u64 mix(__u64 x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static __always_inline void map_ipv4(__u8 *address, __be32 ipv4)
{
	__builtin_memset(address, 0, 10);
	__builtin_memset(address + 10, 0xff, 2);
	__builtin_memcpy(address + 12, &ipv4, sizeof(ipv4));
}

static __always_inline bool is_mapped_ipv4(const __u8 *address)
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* Not skc_num: TCP sets that to 0 when it is done, while the process may still read from the socket. */
static __always_inline __u16 read_local_port(struct sock *sk)
{
	return bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
}

static __always_inline void read_endpoints(struct tt_record *record, struct sock *sk)
{
	/* Without CONFIG_IPV6 the fields are not there to be read. */
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6 &&
	    bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&record->local_address, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&record->remote_address, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else {
		map_ipv4(record->local_address, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		map_ipv4(record->remote_address, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	}
	record->network = is_mapped_ipv4(record->remote_address) ? TT_NETWORK_IPV4 : TT_NETWORK_IPV6;
	record->local_port = read_local_port(sk);
	record->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/* An entry of a connection that its sock has no more: disconnected, or freed and used again. */
static __always_inline bool is_stale(const struct tt_connection *connection, struct sock *sk)
{
	return connection->close.record.remote_port != bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)) ||
	       connection->close.record.local_port != read_local_port(sk);
}

static __always_inline struct tt_connection *find_connection(struct sock *sk)
{
	__u64 key = (__u64)sk;

	return bpf_map_lookup_elem(&connections, &key);
}

/* Whether the filter in force has said that it wants nothing of the connection. */
static __always_inline bool is_rejected(const struct tt_connection *connection)
{
	return connection->verdict == filter_generation * TT_VERDICT_GENERATION + TT_VERDICT_REJECTED;
}

/* How a sock came to be connected, as far as the call tells: the side of the process follows from it. */
enum beginning {
	BEGAN_BEFORE,
	BEGAN_BY_CONNECT,
	BEGAN_BY_ACCEPT,
};

static __always_inline enum tt_role role_of(struct sock *sk, enum beginning beginning)
{
	if (beginning != BEGAN_BEFORE)
		return beginning == BEGAN_BY_CONNECT ? TT_ROLE_CLIENT : TT_ROLE_SERVER;
	/* A socket made by a listener keeps the listener's backlog limit; others hardly ever have one. */
	return BPF_CORE_READ(sk, sk_max_ack_backlog) ? TT_ROLE_SERVER : TT_ROLE_CLIENT;
}

/*
 * The entry of a sock seen for the first time, by a call that moved `size` bytes, with the process of `from`; NULL,
 * counted, when the table is full. It is put together in `entry`, because it is too large for the stack.
 */
static __always_inline struct tt_connection *add_connection(struct tt_connection *entry, struct sock *sk,
							    const struct tt_record *from, __u64 size,
							    enum beginning beginning)
{
	__u64 key = (__u64)sk;

	__builtin_memset(entry, 0, sizeof(*entry));
	entry->close.record = *from;
	read_endpoints(&entry->close.record, sk);
	if (!entry->close.record.remote_port) {
		count(TT_COUNTER_NOT_CONNECTED);
		return 0;
	}
	entry->close.record.role = role_of(sk, beginning);
	entry->close.record.joined = beginning == BEGAN_BEFORE ? TT_JOINED_MIDSTREAM : TT_JOINED_START;
	entry->close.record.connection = mix(connection_seed ^ key ^ mix(from->time));
	entry->started = from->time;
	note_beginning(entry, sk, from->direction, size);
	if (bpf_map_update_elem(&connections, &key, entry, BPF_NOEXIST) == 0)
		count(TT_COUNTER_CONNECTIONS_OPENED);
	/* Another CPU may have been first: its entry is as good. */
	entry = bpf_map_lookup_elem(&connections, &key);
	if (!entry)
		count(TT_COUNTER_CONNECTIONS_FULL);
	return entry;
}

#endif
