/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the stages that emit records keep track of a call, of what it owes, and of what must come first. */
#ifndef TCPTRACKER_PROGRESS_BPF_H
#define TCPTRACKER_PROGRESS_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "connection.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "records.bpf.h"

/*
 * `n` bytes of the call are in a record, or declared, or owed: no more than the current segment has, or
 * all that remain, and then nothing here but `remaining` matters any more.
 */
static __always_inline void advance(struct call *call, __u64 n)
{
	call->data.offset += n;
	call->remaining -= n;
	call->address += n;
	call->segment_left -= n;
	call->message_left -= n;
	call->capture -= n;
}

static __always_inline struct tt_connection *connection_of(struct call *call)
{
	return bpf_map_lookup_elem(&connections, &call->sock);
}

static __always_inline void owe_at(struct call *call, __u64 offset, __u64 n)
{
	struct tt_connection *connection = connection_of(call);

	if (connection)
		owe_gap(connection, call->data.record.direction, offset, n);
	else
		count_many(TT_COUNTER_UNDECLARED_BYTES, n);
	call->owes = 1;
}

static __always_inline void owe(struct call *call, __u64 n)
{
	owe_at(call, call->data.offset, n);
	advance(call, n);
}

static __always_inline void declare_gap(void *context, struct call *call, __u64 n, enum tt_gap_cause cause)
{
	if (emit_gap(context, &call->data.record, call->data.offset, n, cause))
		advance(call, n);
	else
		owe(call, n);
}

/* What comes before the call's own records; false when the ring has no room even for that. */
static __always_inline bool emit_preliminaries(void *context, struct call *call)
{
	struct tt_connection *connection;

	if (!call->opens && !call->owes)
		return true;
	connection = connection_of(call);
	if (!connection)
		return true;
	if (call->opens && !emit_open(context, connection, &call->data.record))
		return false;
	call->opens = 0;
	if (!pay_owed_gap(context, connection, &call->data.record))
		return false;
	call->owes = 0;
	return true;
}

#endif
