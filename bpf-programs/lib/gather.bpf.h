/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stage before emit for calls with several segments: puts small ones (headers, chunk sizes, line
 * ends) into one record, and hands on what is left.
 */
#ifndef TCPTRACKER_GATHER_BPF_H
#define TCPTRACKER_GATHER_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "progress.bpf.h"
#include "output.bpf.h"
#include "segments.bpf.h"

/* A larger segment is worth a record of its own. */
#define SMALL_SEGMENT 1024

#define MAX_GATHERED 4096

/* Per run; the program runs again, by tail call, while it gets on. */
#define GATHER_STEPS 256

/*
 * The verifier knows the range of a position and of a length, not that together they stay below `room`:
 * so twice the room is reserved. What is filled is counted in memory, because in a register its range
 * would be followed through every iteration.
 */
static __always_inline void gather_into(void *context, struct call *call, const __u32 room, const bool uring)
{
	struct tt_data *data = reserve_payload(call, 2 * room);
	__u64 filled, n;

	if (!data)
		return;
	*data = call->data;
	call->filled = 0;
	for (int i = 0; i < (uring ? GATHER_STEPS / 2 : GATHER_STEPS) && call->remaining; i++) {
		if (!call->segment_left && !next_segment(call, uring))
			break;
		n = call->segment_left;
		filled = call->filled;
		if (!n)
			continue;
		if (n > room || filled >= room || filled + n > room || n > call->capture ||
		    bpf_probe_read_user((char *)(data + 1) + filled, n, (void *)call->address))
			break;
		call->filled += n;
		advance(call, n);
	}
	filled = call->filled;
	data->record.length = sizeof(*data) + filled;
	data->captured = filled;
	if (!filled) {
		discard_payload(data);
		return;
	}
	if (submit_payload(context, data, filled, 2 * room))
		count_many(TT_COUNTER_DELIVERED_BYTES, filled);
	else
		owe_at(call, call->data.offset - filled, filled);
}

static __always_inline void gather_some(void *context, struct call *call, const bool uring)
{
	call->filled = 0;
	if (call->gap_cause || !emit_preliminaries(context, call))
		return;
	if ((!call->segment_left && !next_segment(call, uring)) || call->segment_left > SMALL_SEGMENT)
		return;
	if (call->remaining <= 256)
		gather_into(context, call, 256, uring);
	else if (call->remaining <= 1024)
		gather_into(context, call, 1024, uring);
	else
		gather_into(context, call, MAX_GATHERED, uring);
}

static __always_inline int gather(void *context, void *stages, const bool uring)
{
	struct call *call = current_call();

	if (!call)
		return 0;
	gather_some(context, call, uring);
	if (!call->remaining) {
		release_call(call);
		return 0;
	}
	/* Emit takes what cannot be gathered: a large segment, a missing page, a full ring. */
	call->gathered = 1;
	bpf_tail_call(context, stages, call->filled ? TT_STAGE_GATHER : TT_STAGE_EMIT);
	count(TT_COUNTER_SEGMENTS_EXCEEDED);
	declare_gap(context, call, call->remaining, TT_GAP_SEGMENTS);
	release_call(call);
	return 0;
}

#endif
