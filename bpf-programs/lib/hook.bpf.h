/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first stage: what every attach strategy does when a system call of the table has returned. */
#ifndef TCPTRACKER_HOOK_BPF_H
#define TCPTRACKER_HOOK_BPF_H

#include <tcptracker/event.h>

#include "abi.bpf.h"
#include "call.bpf.h"
#include "compat.bpf.h"
#include "connection.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "lifecycle.bpf.h"
#include "process.bpf.h"
#include "segments.bpf.h"
#include "sock.bpf.h"
#include "turns.bpf.h"

/* Whether the call did anything that concerns the tap, judged by its result alone; if not, it is counted, by one of two copies. */
static __always_inline bool succeeded(__u8 shape, long result, enum copy copy)
{
	bool counts = copy != SECOND_COPY;

	if (shape == TT_SHAPE_CONNECT) {
		if (result == 0 || result == -EINPROGRESS || result == -ERESTARTSYS ||
		    result == -EINTR)
			return true;
		if (counts)
			count(result == -EALREADY || result == -EISCONN ? TT_COUNTER_CALL_FAILED
								       : TT_COUNTER_CONNECT_FAILED);
		return false;
	}
	if (result < 0) {
		if (counts)
			count(TT_COUNTER_CALL_FAILED);
		return false;
	}
	if (result == 0 && shape != TT_SHAPE_ACCEPT && shape != TT_SHAPE_SHUTDOWN) {
		if (counts)
			count(TT_COUNTER_NOTHING_MOVED);
		return false;
	}
	return true;
}

/* Whether the bytes a receiving call returned are bytes of the stream, returned for the first time. */
static __always_inline bool takes_from_stream(__u64 flags)
{
	if (flags & MSG_PEEK) {
		count(TT_COUNTER_PEEKED);
		return false;
	}
	if (flags & MSG_ERRQUEUE) {
		count(TT_COUNTER_ERROR_QUEUE);
		return false;
	}
	if (flags & MSG_OOB) {
		count(TT_COUNTER_URGENT);
		return false;
	}
	return true;
}

static __always_inline __u64 message_flags(__u8 shape, const struct syscall_exit *exit)
{
	if (shape == TT_SHAPE_MESSAGE)
		return exit->arguments[2];
	if (shape == TT_SHAPE_BUFFER_F || shape == TT_SHAPE_MESSAGES || shape >= TT_SHAPE_PICKED)
		return exit->arguments[3];
	return 0;
}

/* Whatever the last call on this CPU has left. */
static __always_inline void forget_last_call(struct call *call)
{
	call->data.offset = 0;
	call->data.size = 0;
	call->remaining = 0;
	call->page_by_page = 0;
	call->owes = 0;
	call->bad_structures = 0;
	call->gap_cause = 0;
	call->gathered = 0;
	call->sends_file = 0;
	call->segment_left = 0;
	call->segment_count = 0;
	call->message_left = 0;
	call->message_count = 0;
	call->picked = 0;
	call->picked_next = 0;
}

/* Where the bytes of the call are, for the emit stage to walk. `uring`, a constant: for an operation of io_uring. */
static __always_inline void locate_bytes(struct call *call, __u8 shape, const struct syscall_exit *exit,
					 const bool uring)
{
	bool ingress = call->data.record.direction == TT_DIRECTION_INGRESS;

	if (shape == TT_SHAPE_SENDFILE && !ingress)
		use_file(call, exit->arguments[1], exit->arguments[2]);
	else if (shape == TT_SHAPE_SENDFILE || shape == TT_SHAPE_SPLICE)
		call->gap_cause = TT_GAP_SPLICE;
	else if (ingress && message_flags(shape, exit) & MSG_TRUNC)
		call->gap_cause = TT_GAP_DISCARDED;
	else if (uring && shape == TT_SHAPE_UNKNOWN)
		call->gap_cause = TT_GAP_IO_URING;
	else if (uring && shape == TT_SHAPE_PICKED)
		use_picked(call, exit->arguments[1], exit->arguments[0], exit->arguments[2]);
	else if (uring && shape == TT_SHAPE_PROVIDED)
		use_provided(call, exit->arguments[1], exit->arguments[2]);
	else if (shape == TT_SHAPE_IOVEC)
		use_iovecs(call, exit->arguments[1], exit->arguments[2]);
	else if (shape == TT_SHAPE_MESSAGE)
		use_message(call, exit->arguments[1]);
	else if (shape == TT_SHAPE_MESSAGES)
		use_messages(call, exit->arguments[1], exit->result);
	else
		use_buffer(call, exit->arguments[1]);
}

/* The socket of the call; a splice or sendfile may have it on either side, and the direction follows from that. */
static __always_inline struct sock *sock_of_call(struct task_struct *task, __u8 shape, __u8 *direction,
						 const struct syscall_exit *exit, bool trusted)
{
	struct sock *sk = sock_of_fd(task, shape == TT_SHAPE_ACCEPT ? exit->result : exit->arguments[0], trusted);

	if (shape == TT_SHAPE_SPLICE) {
		*direction = sk ? TT_DIRECTION_INGRESS : TT_DIRECTION_EGRESS;
		return sk ? sk : sock_of_fd(task, exit->arguments[2], trusted);
	}
	if (shape == TT_SHAPE_SENDFILE && !sk) {
		/* Into a pipe, since 5.12 or so. */
		*direction = TT_DIRECTION_INGRESS;
		return sock_of_fd(task, exit->arguments[1], trusted);
	}
	return sk;
}

/* The entry of a sock, unless it is another connection's that ended unseen or ended long ago. */
static __always_inline struct tt_connection *known_connection(void *context, struct sock *sk, bool connects)
{
	struct tt_connection *connection = find_connection(sk);

	if (!connection)
		return 0;
	if (!is_stale(connection, sk) && !(connects && connection->ended))
		return connection;
	/* Without TCP having said so before, the tap has missed an end. */
	if (!connection->ended)
		count(TT_COUNTER_STALE_CONNECTION);
	end_connection(context, connection, sk, true);
	return 0;
}

static __always_inline void copy_connection(struct tt_record *record, const struct tt_connection *connection)
{
	const struct tt_record *from = &connection->close.record;

	record->connection = from->connection;
	record->role = from->role;
	record->joined = from->joined;
	record->network = from->network;
	record->local_port = from->local_port;
	record->remote_port = from->remote_port;
	__builtin_memcpy(record->local_address, from->local_address, TT_ADDRESS_LENGTH);
	__builtin_memcpy(record->remote_address, from->remote_address, TT_ADDRESS_LENGTH);
}

static __always_inline bool claim_open(struct tt_connection *connection, struct sock *sk, __u8 shape, long result)
{
	if (connection->opened)
		return connection->open_owed;
	/* A connect that does not wait is open once TCP says so: then the life-cycle program announces it. */
	if (shape == TT_SHAPE_CONNECT) {
		__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

		/* With TCP_FASTOPEN_CONNECT it says 0 before anything was sent. */
		if (state == TCP_SYN_SENT || (result != 0 && state != TCP_ESTABLISHED))
			return false;
	}
	return !exchange(connection->close.record.connection, &connection->opened, 1);
}

static __always_inline __u64 bytes_moved(__u8 shape, __u8 direction, const struct syscall_exit *exit)
{
	if (direction == TT_DIRECTION_NONE)
		return 0;
	if (shape == TT_SHAPE_MESSAGES)
		return sum_of_messages(exit->arguments[1], exit->result, exit->narrow);
	return exit->result;
}

/* Counts the bytes; their place in the stream goes into the call. */
static __always_inline void account(struct call *call, struct tt_connection *connection, __u64 size)
{
	bool ingress = call->data.record.direction == TT_DIRECTION_INGRESS;

	call->data.size = size;
	call->remaining = size;
	call->capture = snaplen;
	call->data.offset =
		fetch_add(connection->close.record.connection,
			  ingress ? &connection->close.ingress_bytes : &connection->close.egress_bytes, size);
	call->owes = owed_gap_of(connection, call->data.record.direction)->size != 0;
	count(TT_COUNTER_CALLS);
	count_many(ingress ? TT_COUNTER_INGRESS_BYTES : TT_COUNTER_EGRESS_BYTES, size);
}

/* A connection ended and its entry was used again, by another CPU, while this one held it. */
static __always_inline bool lost_entry(struct call *call, struct tt_connection *connection)
{
	bool ingress = call->data.record.direction == TT_DIRECTION_INGRESS;

	if (connection->close.record.connection == call->data.record.connection)
		return false;
	fetch_add(connection->close.record.connection,
		  ingress ? &connection->close.ingress_bytes : &connection->close.egress_bytes, -call->data.size);
	count(TT_COUNTER_STALE_CONNECTION);
	count_many(TT_COUNTER_UNDECLARED_BYTES, call->data.size);
	return true;
}

static __always_inline enum beginning beginning_of(__u8 shape, __u8 direction, const struct syscall_exit *exit)
{
	if (shape == TT_SHAPE_ACCEPT)
		return BEGAN_BY_ACCEPT;
	if (shape == TT_SHAPE_CONNECT ||
	    (direction == TT_DIRECTION_EGRESS && message_flags(shape, exit) & MSG_FASTOPEN))
		return BEGAN_BY_CONNECT;
	return BEGAN_BEFORE;
}

/* A call on a connection of which the filter wants nothing: its bytes are counted, and that is all. */
static __always_inline void pass_over(struct tt_connection *connection, __u8 direction, __u64 size)
{
	bool ingress = direction == TT_DIRECTION_INGRESS;
	__u64 *moved = ingress ? &connection->close.ingress_bytes : &connection->close.egress_bytes;
	__u64 id = connection->close.record.connection;

	if (!size)
		return;
	barrier_var(size);
	fetch_add(id, moved, size);
	count(TT_COUNTER_CALLS);
	count_many(ingress ? TT_COUNTER_INGRESS_BYTES : TT_COUNTER_EGRESS_BYTES, size);
	/* As in lost_entry. */
	if (connection->close.record.connection != id) {
		fetch_add(connection->close.record.connection, moved, -size);
		count(TT_COUNTER_STALE_CONNECTION);
		count_many(TT_COUNTER_UNDECLARED_BYTES, size);
		return;
	}
	count(TT_COUNTER_FILTERED_CALLS);
	count_many(TT_COUNTER_FILTERED_BYTES, size);
}

/* Fills the slot of the call, which moved `size` bytes; false when there is nothing for the next stage. */
static __always_inline bool fill_call(struct call *call, const struct syscall *syscall, __u8 direction,
				      __u64 size, const struct syscall_exit *exit, struct sock *sk,
				      struct tt_connection *connection, struct task_struct *task,
				      const bool uring, bool trusted)
{
	struct tt_record *record = &call->data.record;
	__u8 shape = syscall->shape;

	forget_last_call(call);
	record->type = size ? TT_RECORD_DATA : TT_RECORD_OPEN;
	record->filter = 0;
	record->direction = direction;
	record->syscall = syscall->id;
	record->time = bpf_ktime_get_ns();
	read_process(record, task, trusted);
	call->narrow = exit->narrow;
	if (!connection)
		connection = add_connection(&call->fresh, sk, record, size, beginning_of(shape, direction, exit));
	if (!connection) {
		count_many(TT_COUNTER_UNTRACKED_BYTES, size);
		return false;
	}
	/* Refused before the call returned, and so before there was an entry to be told. */
	if (shape == TT_SHAPE_CONNECT && exit->result &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE)
		connection->ended = 1;
	copy_connection(record, connection);
	call->verdict = connection->verdict;
	call->sock = (__u64)sk;
	call->opens = claim_open(connection, sk, shape, exit->result);
	if (size) {
		account(call, connection, size);
		if (lost_entry(call, connection))
			return false;
		locate_bytes(call, shape, exit, uring);
	}
	/* A connect that does not wait has nothing to tell yet, but the filter is asked once for its connection. */
	return call->opens || size || shape == TT_SHAPE_CONNECT;
}

/* Everything about one call on one socket, up to the filter, which is the first of the `stages`; `uring` as above. */
static __always_inline void record_operation(void *context, void *stages, const bool uring,
					     const struct syscall *syscall, __u8 direction,
					     const struct syscall_exit *exit, struct sock *sk,
					     struct task_struct *task, bool trusted)
{
	enum beginning beginning = beginning_of(syscall->shape, direction, exit);
	struct tt_connection *connection = known_connection(context, sk, beginning != BEGAN_BEFORE);
	struct call *call;
	__u64 size;

	if (!connection && !is_tcp(sk)) {
		count(TT_COUNTER_NOT_TCP);
		return;
	}
	if (syscall->shape == TT_SHAPE_SHUTDOWN) {
		if (connection)
			connection->close.shutdown |=
				(exit->arguments[1] + 1) & (TT_SHUTDOWN_READ | TT_SHUTDOWN_WRITE);
		return;
	}
	size = bytes_moved(syscall->shape, direction, exit);
	if (connection && is_rejected(connection)) {
		pass_over(connection, direction, size);
		return;
	}
	call = claim_call();
	if (!call) {
		count_many(TT_COUNTER_UNTRACKED_BYTES, size);
		return;
	}
	if (fill_call(call, syscall, direction, size, exit, sk, connection, task, uring, trusted)) {
		bpf_tail_call(context, stages, TT_STAGE_FILTER);
		count(TT_COUNTER_TAIL_CALL_FAILED);
		count_many(TT_COUNTER_UNDECLARED_BYTES, call->remaining);
	}
	release_call(call);
}

/* A system call of the table has returned. */
static __always_inline void on_return(void *context, void *stages, const struct syscall *syscall,
				      const struct syscall_exit *exit, struct task_struct *task, bool trusted)
{
	__u8 direction = syscall->direction;
	struct sock *sk;

	if (direction == TT_DIRECTION_INGRESS && !takes_from_stream(message_flags(syscall->shape, exit)))
		return;
	sk = sock_of_call(task, syscall->shape, &direction, exit, trusted);
	if (sk)
		record_operation(context, stages, false, syscall, direction, exit, sk, task, trusted);
}

/* Whether a call is one to look at closer; cheap, because most calls of the machine are not. */
static __always_inline bool concerns_tap(const struct syscall *syscall, long result, enum copy copy)
{
	if (!succeeded(syscall->shape, result, copy))
		return false;
	if (bpf_get_current_pid_tgid() >> 32 == own_pid) {
		if (copy != SECOND_COPY)
			count(TT_COUNTER_OWN_CALL);
		return false;
	}
	return true;
}

#endif
