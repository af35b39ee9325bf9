/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What TCP itself counts of a connection, noted when the tap begins and when TCP ends: for unseen.bpf.h.
 *
 * Nothing here may make a difference where there is none. So where a figure changes while it is read, the reading is
 * such that the calls seem to have moved too much rather than too little.
 */
#ifndef TCPTRACKER_FIGURES_BPF_H
#define TCPTRACKER_FIGURES_BPF_H

#include <tcptracker/event.h>

#include "helpers.bpf.h"

/* Whether a process may still give TCP bytes in this state: no FIN was sent. */
static __always_inline bool can_send(int state)
{
	return state == TCP_ESTABLISHED || state == TCP_SYN_SENT || state == TCP_SYN_RECV || state == TCP_CLOSE_WAIT;
}

/*
 * The bytes that pass through the calls are not those of the connection (kTLS and its like), or the kernel itself
 * has its hands in the stream (sockmap).
 */
static __always_inline bool is_layered(struct sock *sk)
{
	return BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops) || BPF_CORE_READ(sk, sk_user_data);
}

/* Behind the last byte that was taken from the socket. Who reads the end of the stream takes the FIN, too. */
static __always_inline __u32 read_taken_seq(struct tcp_sock *tcp)
{
	/* First, because the FIN may come in between. */
	bool has_fin = BPF_CORE_READ((struct sock *)tcp, __sk_common.skc_flags) & (1UL << SOCK_DONE);
	__u32 taken = BPF_CORE_READ(tcp, copied_seq);

	return taken - (has_fin && taken == BPF_CORE_READ(tcp, rcv_nxt));
}

/*
 * Where TCP stands when the entry is made. The call that makes it has returned: the `size` bytes that it moved in
 * its direction are part of what the tap counts from here on.
 */
static __always_inline void note_beginning(struct tt_connection *entry, struct sock *sk, __u8 direction, __u64 size)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
	__u64 sent = direction == TT_DIRECTION_EGRESS ? size : 0;
	__u64 received = direction == TT_DIRECTION_INGRESS ? size : 0;

	if (is_layered(sk))
		return;
	entry->closed_seq = BPF_CORE_READ(tcp, write_seq);
	if (can_send(state)) {
		entry->compared |= TT_COMPARED_EGRESS;
		entry->egress_seq = entry->closed_seq - sent;
		entry->egress_acked = BPF_CORE_READ(tcp, bytes_acked) - sent;
		/* With TCP_FASTOPEN_CONNECT, even the SYN is yet to come. */
		if (state == TCP_SYN_SENT && entry->egress_seq - BPF_CORE_READ(tcp, snd_una) != 1)
			entry->egress_seq++;
	}
	entry->ingress_seq = read_taken_seq(tcp) - received;
	entry->ingress_received = BPF_CORE_READ(tcp, bytes_received) - received;
	entry->compared |= state == TCP_SYN_SENT ? TT_COMPARED_INGRESS_FROM_SYN : TT_COMPARED_INGRESS;
	/* Accepted after its reset, or read to the end: there will be no other change of state. */
	if (state == TCP_CLOSE)
		entry->compared |= TT_COMPARED_CLOSED;
}

/* The number near `rough` whose lower half is `exact`. */
static __always_inline __u64 widen(__u64 rough, __u32 exact)
{
	return rough + (__s32)(exact - (__u32)rough);
}

static __always_inline __u64 ingress_moved(const struct tt_connection *connection, struct tcp_sock *tcp)
{
	__u32 taken = read_taken_seq(tcp);
	__u64 received = BPF_CORE_READ(tcp, bytes_received) - connection->ingress_received;

	if (connection->compared & TT_COMPARED_INGRESS_FROM_SYN)
		return received - (__u32)(BPF_CORE_READ(tcp, rcv_nxt) - taken);
	return widen(received, taken - connection->ingress_seq);
}

/*
 * TCP is done: the state becomes CLOSE. From here on a process can take bytes, but give none. A disconnect, which is
 * also what a close without lingering does, changes the figures right after this.
 */
static __always_inline void note_end(struct tt_connection *connection, struct sock *sk, int old_state)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 sent;

	if (connection->compared & TT_COMPARED_CLOSED || old_state == TCP_CLOSE)
		return;
	connection->compared |= TT_COMPARED_CLOSED;
	connection->closed_seq = BPF_CORE_READ(tcp, write_seq);
	sent = connection->closed_seq - !can_send(old_state) - connection->egress_seq;
	connection->egress_moved = widen(BPF_CORE_READ(tcp, bytes_acked) - connection->egress_acked, sent);
	connection->ingress_moved = ingress_moved(connection, tcp);
}

#endif
