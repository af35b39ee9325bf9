/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The net below the hooks: at the end of a connection, what it moved by TCP's own count is compared with what the
 * calls moved that the tap saw. The difference went past the hooks (io_uring, AIO, a program that the kernel
 * skipped, ...) and is declared by a gap.
 *
 * Where TCP's count is the smaller one, something is wrong with the comparison: that is counted, and nothing declared.
 */
#ifndef TCPTRACKER_UNSEEN_BPF_H
#define TCPTRACKER_UNSEEN_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "counters.bpf.h"
#include "figures.bpf.h"
#include "helpers.bpf.h"
#include "records.bpf.h"

static __always_inline void add_unseen(struct tt_connection *connection, const bool ingress)
{
	__u64 *counted = ingress ? &connection->close.ingress_bytes : &connection->close.egress_bytes;
	__u64 difference = (ingress ? connection->ingress_moved : connection->egress_moved) - *counted;

	if ((__s64)difference < 0) {
		count(TT_COUNTER_IMPLAUSIBLE);
		return;
	}
	if (!difference)
		return;
	*(ingress ? &connection->ingress_unseen : &connection->egress_unseen) = difference;
	fetch_add(connection->close.record.connection, counted, difference);
	count_many(TT_COUNTER_UNSEEN_BYTES, difference);
	count_many(ingress ? TT_COUNTER_INGRESS_BYTES : TT_COUNTER_EGRESS_BYTES, difference);
}

/* The end of a connection; `reused` when its sock has another one by now. */
static __always_inline void find_unseen(struct tt_connection *connection, struct sock *sk, const bool reused)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u8 compared = connection->compared;

	if (!(compared & TT_COMPARED_CLOSED) || is_layered(sk)) {
		count(TT_COUNTER_UNCHECKED);
		return;
	}
	if (compared & TT_COMPARED_EGRESS)
		add_unseen(connection, false);
	/* TCP passes over an urgent byte that is outside the stream, and does not count how many there were. */
	if (!(compared & (TT_COMPARED_INGRESS | TT_COMPARED_INGRESS_FROM_SYN)) || BPF_CORE_READ(tcp, urg_seq)) {
		count(TT_COUNTER_UNCHECKED);
		return;
	}
	/* The process may have gone on reading, unless it has disconnected: that changes this number. */
	if (!reused && BPF_CORE_READ(tcp, write_seq) == connection->closed_seq)
		connection->ingress_moved = ingress_moved(connection, tcp);
	add_unseen(connection, true);
}

/* What find_unseen has found in the direction of `from`; false when there is no room for the record. */
static __always_inline bool declare_unseen(void *context, struct tt_connection *connection,
					   const struct tt_record *from)
{
	bool ingress = from->direction == TT_DIRECTION_INGRESS;
	__u64 *unseen = ingress ? &connection->ingress_unseen : &connection->egress_unseen;
	__u64 end = ingress ? connection->close.ingress_bytes : connection->close.egress_bytes;
	__u64 size = *unseen;

	if (!size)
		return true;
	if (!emit_gap(context, from, end - size, size, TT_GAP_UNSEEN))
		return false;
	*unseen = 0;
	return true;
}

#endif
