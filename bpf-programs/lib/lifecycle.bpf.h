/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The end of a connection, and the beginning of one that was opened without waiting. */
#ifndef TCPTRACKER_LIFECYCLE_BPF_H
#define TCPTRACKER_LIFECYCLE_BPF_H

#include <tcptracker/event.h>

#include "connection.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "ring.bpf.h"

/* These run in whatever context TCP happens to be in: the process is the one that the entry remembers. */
static __always_inline void begin_lifecycle_record(struct connection *connection)
{
	connection->record.time = bpf_ktime_get_ns();
	connection->record.syscall = TT_SYSCALL_NONE;
}

static __always_inline void pay_or_write_off(struct connection *connection, __u8 direction)
{
	connection->record.direction = direction;
	if (!pay_owed_gap(connection, &connection->record))
		count_many(TT_COUNTER_UNDECLARED_BYTES,
			   connection->owed[direction == TT_DIRECTION_INGRESS].size);
}

static __always_inline void emit_close(const struct connection *connection, struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	struct tt_close *close = reserve(sizeof(*close));

	if (!close) {
		count(TT_COUNTER_CLOSE_LOST);
		return;
	}
	close->record = connection->record;
	close->record.type = TT_RECORD_CLOSE;
	close->record.direction = TT_DIRECTION_NONE;
	close->record.length = sizeof(*close);
	close->egress_bytes = connection->bytes[0];
	close->ingress_bytes = connection->bytes[1];
	close->duration = connection->record.time - connection->started;
	close->smoothed_rtt = BPF_CORE_READ(tcp, srtt_us) >> 3;
	close->retransmits = BPF_CORE_READ(tcp, total_retrans);
	close->shutdown = connection->shutdown;
	__builtin_memset(close->reserved, 0, sizeof(close->reserved));
	submit(close, sizeof(*close));
}

static __always_inline void end_connection(struct connection *connection, struct sock *sk)
{
	__u64 key = (__u64)sk;

	begin_lifecycle_record(connection);
	if (connection->opened) {
		pay_or_write_off(connection, TT_DIRECTION_EGRESS);
		pay_or_write_off(connection, TT_DIRECTION_INGRESS);
		emit_close(connection, sk);
	} else {
		count(TT_COUNTER_CONNECT_FAILED);
	}
	if (bpf_map_delete_elem(&connections, &key) == 0)
		count(TT_COUNTER_CONNECTIONS_CLOSED);
}

/* sock:inet_sock_set_state */
static __always_inline void on_state(struct sock *sk, int state)
{
	struct connection *connection;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE)
		return;
	connection = find_connection(sk);
	if (!connection)
		return;
	if (state == TCP_ESTABLISHED) {
		/* A connect that did not wait: the system call has returned long ago. */
		if (!connection->opened) {
			begin_lifecycle_record(connection);
			connection->opened = 1;
			emit_open(&connection->record);
		}
		return;
	}
	/*
	 * TCP is done, but a process that still holds the socket may read what has arrived, or be on its
	 * way out of the very call that provoked the reset. tcp_destroy_sock is the end then.
	 */
	if (BPF_CORE_READ(sk, sk_socket))
		connection->ended = 1;
	else
		end_connection(connection, sk);
}

/* tcp:tcp_destroy_sock */
static __always_inline void on_destroy(struct sock *sk)
{
	struct connection *connection = find_connection(sk);

	if (connection)
		end_connection(connection, sk);
}

#endif
