/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a connection, and the beginning of one that was opened without waiting. */
#ifndef TCPTRACKER_LIFECYCLE_BPF_H
#define TCPTRACKER_LIFECYCLE_BPF_H

#include <tcptracker/event.h>

#include "connection.bpf.h"
#include "counters.bpf.h"
#include "figures.bpf.h"
#include "helpers.bpf.h"
#include "records.bpf.h"
#include "unseen.bpf.h"

/* These run in whatever context TCP happens to be in: the process is the one that the entry remembers. */
static __always_inline struct tt_record *stamp(struct tt_connection *connection)
{
	struct tt_record *record = &connection->close.record;

	record->time = bpf_ktime_get_ns();
	record->syscall = TT_SYSCALL_NONE;
	record->filter = filter_generation;
	return record;
}

/* Completes the record of the end, which the entry has been keeping all along. */
static __always_inline void complete_close(struct tt_close *close, __u64 started, struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	close->record.type = TT_RECORD_CLOSE;
	close->record.direction = TT_DIRECTION_NONE;
	close->record.length = sizeof(*close);
	close->duration = close->record.time - started;
	close->smoothed_rtt = BPF_CORE_READ(tcp, srtt_us) >> 3;
	close->retransmits = BPF_CORE_READ(tcp, total_retrans);
}

static __always_inline bool emit_close(void *context, const struct tt_close *from)
{
	OUTGOING(struct tt_close, close);

	if (!close)
		return false;
	*close = *from;
	return submit(context, &close->record, sizeof(*close));
}

/* Sends whatever is owed, then the close record; false when there is no room. */
static __always_inline bool send_last_records(void *context, struct tt_connection *connection)
{
	struct tt_record *record = &connection->close.record;

	if (connection->open_owed && !emit_open(context, connection, record))
		return false;
	record->direction = TT_DIRECTION_EGRESS;
	if (!pay_owed_gap(context, connection, record) || !declare_unseen(context, connection, record))
		return false;
	record->direction = TT_DIRECTION_INGRESS;
	if (!pay_owed_gap(context, connection, record) || !declare_unseen(context, connection, record))
		return false;
	record->direction = TT_DIRECTION_NONE;
	return emit_close(context, &connection->close);
}

/* The filter wants nothing of the connection, not even what an earlier filter has left. */
static __always_inline void drop_last_records(const struct tt_connection *connection)
{
	count_many(TT_COUNTER_FILTERED_BYTES, connection->egress_owed_size + connection->ingress_owed_size +
						      connection->egress_unseen + connection->ingress_unseen);
}

/* Puts a connection aside for user space, under a key that is not in use again as soon as the sock is. */
static __always_inline void defer_last_records(struct tt_connection *connection)
{
	__u64 id = connection->close.record.connection;

	if (bpf_map_update_elem(&unsent, &id, connection, BPF_ANY) == 0) {
		count(TT_COUNTER_CLOSE_DEFERRED);
	} else {
		count(TT_COUNTER_CLOSE_LOST);
		count_many(TT_COUNTER_UNDECLARED_BYTES,
			   connection->egress_owed_size + connection->ingress_owed_size +
				   connection->egress_unseen + connection->ingress_unseen);
	}
}

static __always_inline void end_connection(void *context, struct tt_connection *connection, struct sock *sk,
					   const bool reused)
{
	__u64 key = (__u64)sk;

	count(TT_COUNTER_CONNECTIONS_CLOSED);
	if (connection->opened) {
		stamp(connection);
		find_unseen(connection, sk, reused);
		complete_close(&connection->close, connection->started, sk);
		if (is_rejected(connection))
			drop_last_records(connection);
		else if (!send_last_records(context, connection))
			defer_last_records(connection);
	} else {
		count(TT_COUNTER_CONNECT_FAILED);
	}
	bpf_map_delete_elem(&connections, &key);
}

/* sock:inet_sock_set_state */
static __always_inline void on_state(void *context, struct sock *sk, int old_state, int state)
{
	struct tt_connection *connection;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE)
		return;
	connection = find_connection(sk);
	if (!connection)
		return;
	if (state == TCP_ESTABLISHED) {
		/* A connect that did not wait: the system call has returned long ago. */
		/* Not when an earlier attempt on the same socket has failed: that entry goes with the call. */
		if (!connection->ended && !exchange(connection->close.record.connection, &connection->opened, 1) &&
		    !is_rejected(connection))
			emit_open(context, connection, stamp(connection));
		return;
	}
	note_end(connection, sk, old_state);
	/*
	 * TCP is done, but a process that still holds the socket may read what has arrived, or be on its
	 * way out of the very call that provoked the reset. tcp_destroy_sock is the end then.
	 */
	if (BPF_CORE_READ(sk, sk_socket))
		connection->ended = 1;
	else
		end_connection(context, connection, sk, false);
}

/* tcp:tcp_destroy_sock */
static __always_inline void on_destroy(void *context, struct sock *sk)
{
	struct tt_connection *connection = find_connection(sk);

	if (connection)
		end_connection(context, connection, sk, false);
}

#endif
